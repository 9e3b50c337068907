import { addressText, ipAddress } from "../protocol/address.ts";
import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import { race } from "../net/race.ts";
import type { Net, Socket, SocketAddr } from "../net/socket.ts";
import type { Resolver } from "../dns/resolver.ts";
import { type Hop, hopText } from "./hop.ts";
import { HopWire } from "./hop_wire.ts";

/** What a chain of gateways is reached with. */
export interface ChainDialler {
  readonly net: Net;
  readonly clock: Clock;
  /** For the first gateway where it has a name; all other names travel on. */
  readonly resolver: Pick<Resolver, "resolve">;
  /** Throws where that address is no gateway to go through. */
  readonly checkHop?: (addr: SocketAddr) => void;
}

/** How long something may take, and what calls it off. */
export interface Limits {
  readonly deadlineMs: number;
  readonly cut: Cut;
}

/**
 * Connects to the first of `hops` and has `talk` speak to it. The connection is closed when that fails, is called off or
 * takes too long: then it rejects with NetError, else with what `talk` rejects with.
 */
export async function openChain<T>(
  dialler: ChainDialler,
  hops: readonly Hop[],
  { deadlineMs, cut }: Limits,
  talk: (wire: HopWire) => Promise<T>,
): Promise<{ readonly wire: HopWire; readonly value: T }> {
  const [first] = hops as readonly [Hop];
  let socket: Socket | undefined;
  let failure: NetError | undefined;
  const over = new Cut();
  const fail = (error: NetError) => {
    failure ??= error;
    over.make();
    socket?.close();
  };
  const release = cut.on(() => fail(new NetError("aborted", `Cannot go through ${hopText(first)}: called off`)));
  const cancel = dialler.clock.after(deadlineMs, () => {
    fail(
      new NetError("timed-out", `Cannot go through ${hopText(first)}: no answer within ${Math.round(deadlineMs)} ms`),
    );
  });
  try {
    if (failure) throw failure;
    socket = await connectTo(dialler, first, over);
    if (failure) throw failure;
    const wire = new HopWire(socket);
    const value = await talk(wire);
    if (failure) throw failure;
    return { wire, value };
  } catch (error) {
    socket?.close();
    throw failure ?? error;
  } finally {
    cancel();
    release();
  }
}

async function connectTo(dialler: ChainDialler, hop: Hop, cut: Cut): Promise<Socket> {
  const { host, port } = hop.address;
  try {
    const hosts = ipAddress(host, port) ? [host] : await dialler.resolver.resolve(host, cut);
    const addrs = hosts.map((host) => ({ host, port }));
    for (const addr of addrs) dialler.checkHop?.(addr);
    return await race(dialler, addrs, cut);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new NetError(error.kind, `Cannot reach ${addressText(hop.address)}: ${error.message}`, { cause: error });
  }
}
