import { dirname } from "node:path";

/** The folder, and the group, of the service that packages make. */
const FOLDER = "/etc/gate46", GROUP = "gate46";

/** The number of the group that has to read a new file of secrets which root makes for the service; `groups` is group(5). Undefined for other files. */
export function serviceGroup(path: string, user: number | undefined, groups: () => string): number | undefined {
  if (user !== 0 || dirname(path) !== FOLDER) return undefined;
  const line = groups().split("\n").find((line) => line.startsWith(`${GROUP}:`));
  const number = line?.split(":")[2];
  return number && /^\d+$/.test(number) ? Number(number) : undefined;
}
