import { foldName, ipAddress } from "../protocol/address.ts";

/** Names with their addresses, and addresses with their first names. */
export interface Hosts {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly names: ReadonlyMap<string, string>;
}

/** Lines of `address name alias…` (hosts(5)); other lines are skipped, as the system does. */
export function parseHosts(text: string): Hosts {
  const addresses = new Map<string, string[]>(), names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [address, ...said] = line.split("#", 1)[0]!.trim().split(/\s+/);
    const host = address && ipAddress(address, 0)?.host;
    if (!host) continue;
    for (const name of said) {
      const key = foldName(name);
      const known = addresses.get(key);
      if (!known) addresses.set(key, [host]);
      else if (!known.includes(host)) known.push(host);
      if (!names.has(host)) names.set(host, name);
    }
  }
  return { addresses, names };
}
