import { isUnspecified } from "../../protocol/address.ts";
import { parsePrefix, type Prefix } from "../../protocol/prefix.ts";
import { PrefixMap } from "../../protocol/prefix_map.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** What no client may reach through the gateway unless its prefix is allowed. */
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

/** Why `octets` are closed by default, or undefined. */
export function closedKind(octets: Uint8Array): string | undefined {
  return closed.find(octets)?.value;
}

export interface OwnAddrs {
  /** Listeners of this program; asked at each judgement, since they come and go. */
  readonly ownListeners: () => readonly SocketAddr[];
  /** Addresses of this machine, for listeners on the unspecified address. */
  readonly localAddrs: () => readonly string[];
}

export function isOwnListener({ ownListeners, localAddrs }: OwnAddrs, { host, port }: SocketAddr): boolean {
  const isLocal = () => host.startsWith("127.") || localAddrs().includes(host);
  return ownListeners().some((own) =>
    own.port === port && own.unix === undefined &&
    (own.host === host || isUnspecified(host) || (isAny(own.host, host) && isLocal()))
  );
}

/** Whether a listener on `own` takes connections to `host`'s family; `::` takes both. */
function isAny(own: string, host: string): boolean {
  return own === "::" || (own === "0.0.0.0" && !host.includes(":"));
}
