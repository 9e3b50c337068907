import { dirname } from "node:path";

/** The folder and the group of the packages' service. */
const FOLDER = "/etc/gate46", GROUP = "gate46";

/** Group ID that must read a new file of secrets that root creates for the service, by group(5) `groups`; else undefined. */
export function serviceGroup(path: string, user: number | undefined, groups: () => string): number | undefined {
  if (user !== 0 || dirname(path) !== FOLDER) return undefined;
  const line = groups().split("\n").find((line) => line.startsWith(`${GROUP}:`));
  const number = line?.split(":")[2];
  return number && /^\d+$/.test(number) ? Number(number) : undefined;
}
