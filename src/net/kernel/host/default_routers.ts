import { formatIp } from "../../../protocol/address.ts";

/** Of a route in /proc/net/ipv6_route: it goes by a router (RTF_GATEWAY, linux/route.h). */
const RTF_GATEWAY = 2;

/** The IPv6 routers that this machine goes on by where no other route fits, as ADDRESS%INTERFACE; `routes` is the text of /proc/net/ipv6_route. */
export function defaultRouters(routes: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const line of routes.split("\n")) {
    const [to = "", bits, , , by = "", , , , flags = "", device] = line.trim().split(/\s+/);
    if (!/^0{32}$/.test(to) || bits !== "00" || !/^[0-9a-f]{32}$/.test(by) || device === undefined) continue;
    if ((Number.parseInt(flags, 16) & RTF_GATEWAY) === 0) continue;
    const octets = Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(by.slice(2 * i, 2 * i + 2), 16));
    found.add(`${formatIp(octets)}%${device}`);
  }
  return found;
}
