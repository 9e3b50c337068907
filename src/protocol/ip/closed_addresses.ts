import { parsePrefix, type Prefix } from "./prefix.ts";
import { PrefixMap } from "./prefix_map.ts";

/** Addresses to which clients cannot connect or send unless the operator allows the prefix. */
const closed = new PrefixMap<string>(
  [
    ["0.0.0.0/8", "unspecified"],
    ["127.0.0.0/8", "loopback"],
    ["169.254.0.0/16", "link-local"],
    ["224.0.0.0/4", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["100.100.100.200", "cloud metadata"],
    ["168.63.129.16", "cloud metadata"],
    ["192.0.0.192", "cloud metadata"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["fe80::/10", "link-local"],
    ["ff00::/8", "multicast"],
    ["fd00:ec2::254", "cloud metadata"],
    ["fd20:ce::254", "cloud metadata"],
  ].map(([prefix, kind]): [Prefix, string] => [parsePrefix(prefix!)!, kind!]),
);

/** The reason why the address `octets` is closed by default, or undefined. */
export function closedKind(octets: Uint8Array): string | undefined {
  return closed.find(octets)?.value;
}
