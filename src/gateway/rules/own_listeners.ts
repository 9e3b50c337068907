import { isUnspecified } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** The identity of a gateway as a destination. */
export interface OwnAddrs {
  /** This program's listeners; asked at each decision, since they change. */
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

/** True if a listener on `own` accepts connections to `host`'s family; `::` accepts both. */
function isAny(own: string, host: string): boolean {
  return own === "::" || (own === "0.0.0.0" && !host.includes(":"));
}
