import { type Address, isUnspecified } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import { closedWithDeadline, type Deadline } from "../../net/deadline.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { secondReply } from "./handshake.ts";
import type { Hop } from "./hop.ts";
import type { HopWire } from "./hop_wire.ts";

/** BIND between its two replies (RFC 1928 s6; the reverse-channel rendezvous of RFC 3089): a gateway listens for one peer. */
export class Rendezvous {
  /** The address at which the last gateway listens: give it to the peer. */
  readonly addr: SocketAddr;
  readonly wire: HopWire;
  readonly #hop: Hop;
  readonly #clock: Clock;

  /** `bound` is the address in the first reply: zeros mean the gateway's own address. */
  constructor(wire: HopWire, hops: readonly Hop[], bound: Address, clock: Clock) {
    this.wire = wire;
    const hop = this.#hop = hops.at(-1)!;
    const known = hops.length === 1 ? wire.socket.remoteAddr.host : hop.address.host;
    this.addr = { host: isUnspecified(bound.host) ? known : bound.host, port: bound.port };
    this.#clock = clock;
  }

  /** Waits for the peer, once; the wire then leads to it. Rejects with ReplyError or NetError, and closes. */
  async accept(deadline: Deadline): Promise<SocketAddr> {
    return await closedWithDeadline(this.#clock, deadline, "accept the peer", () => this.close(), async () => {
      const { host, port } = await secondReply(this.wire, this.#hop);
      return { host, port };
    });
  }

  close(): void {
    this.wire.socket.close();
  }
}
