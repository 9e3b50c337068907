/** Flag of a route to this machine in /proc/net/ipv6_route (RTF_LOCAL, linux/ipv6_route.h). */
const RTF_LOCAL = 0x8000_0000;

/** True if packets to that IPv6 address are delivered here, by `routes`, the text of /proc/net/ipv6_route. */
export function isLocalSix(routes: string, octets: Uint8Array): boolean {
  return routes.split("\n").some((line) => {
    const fields = line.trim().split(/\s+/);
    if (fields.length < 10 || (Number.parseInt(fields[8]!, 16) & RTF_LOCAL) === 0) return false;
    const bits = Number.parseInt(fields[1]!, 16);
    for (let bit = 0; bit < bits; bit++) {
      const there = Number.parseInt(fields[0]!.slice(2 * (bit >> 3), 2 * (bit >> 3) + 2), 16);
      if (((there ^ octets[bit >> 3]!) & (0x80 >> (bit & 7))) !== 0) return false;
    }
    return true;
  });
}

/** The command that makes the addresses of a prefix local. */
export function localRouteCommand(prefix: string): string {
  return `ip ${prefix.includes(":") ? "-6 " : ""}route add local ${prefix} dev lo`;
}
