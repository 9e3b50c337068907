import { ipAddress } from "../../protocol/address.ts";
import type { ProxiedConnection } from "../../protocol/proxy_header.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { closedWithDeadline, type Deadline } from "../../net/deadline.ts";
import { NetError } from "../../net/error.ts";
import { race } from "../../net/race.ts";
import type { Exit, Net, Socket, SocketAddr } from "../../net/socket.ts";
import type { GssInitiator } from "../../net/gss/gss.ts";
import type { Tls } from "../../net/tls/tls.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { type Hop, hopText } from "./hop.ts";
import { HopWire } from "./hop_wire.ts";

/** Deadline of a conversation with gateways, and its cut. */
export interface Limits extends Deadline {
  /** The asker; undefined for the gateway itself. */
  readonly asker?: Asker;
  /** The client's address, for gateways that receive it; undefined for the gateway's own connections. */
  readonly client?: (() => ProxiedConnection | undefined) | undefined;
}

/** What is needed to reach a chain of gateways. */
export interface ChainReach {
  /** The sockets: `await openNet()`. */
  readonly net: Net;
  /** The time: `systemClock`. */
  readonly clock: Clock;
  /** For the first gateway's name; all other names are sent on unresolved. */
  readonly resolver: Pick<Resolver, "resolve">;
  /** For gateways over TLS. */
  readonly tls?: Tls | undefined;
  /** For gateways that require a ticket. */
  readonly gss?: GssInitiator | undefined;
  /** The source of connections and datagrams per family; by default the system chooses. */
  readonly outgoing?: { readonly ipv4?: string | Exit | undefined; readonly ipv6?: string | Exit | undefined };
}

export interface ChainDialler extends ChainReach {
  /** Throws NetError if that address is not acceptable as a gateway. */
  readonly checkHop?: (addr: SocketAddr) => void;
}

/**
 * Connects to the first of `hops` and runs `talk` on the connection. It is closed if that fails, is cancelled or
 * takes too long. Rejects with NetError, or with what `talk` rejects with.
 */
export async function openChain<T>(
  dialler: ChainDialler,
  hops: readonly Hop[],
  limits: Limits,
  talk: (wire: HopWire) => Promise<T>,
): Promise<{ readonly wire: HopWire; readonly value: T }> {
  const [first] = hops as readonly [Hop];
  let wire: HopWire | undefined;
  const close = () => wire?.socket.close();
  const what = `go through ${hopText(first)}`;
  return await closedWithDeadline(dialler.clock, limits, what, close, async (over) => {
    wire = new HopWire(await connectTo(dialler, first, over), dialler, limits, over);
    return { wire, value: await talk(wire) };
  });
}

/** The source for `host`, if one is set. */
export function outgoingTowards({ outgoing }: ChainDialler, { host }: SocketAddr): Exit | undefined {
  const chosen = outgoing?.[host.includes(":") ? "ipv6" : "ipv4"];
  return typeof chosen === "string" ? { localAddr: chosen } : chosen;
}

async function connectTo(dialler: ChainDialler, hop: Hop, cut: Cut): Promise<Socket> {
  const { zone, address: { host, port } } = hop;
  try {
    const hosts = ipAddress(host, port) ? [host] : await dialler.resolver.resolve(host, cut);
    const addrs = hosts.map((host) => zone === undefined ? { host, port } : { host, port, zone });
    for (const addr of addrs) dialler.checkHop?.(addr);
    const connect = (addr: SocketAddr, cut: Cut) =>
      dialler.net.connect(addr, { ...outgoingTowards(dialler, addr), cut });
    return await race({ clock: dialler.clock, addrs, cut, connect });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new NetError(error.kind, `Cannot reach ${hopText(hop)}: ${error.message}`, { cause: error });
  }
}
