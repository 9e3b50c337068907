import { type Address, isUnspecified } from "../protocol/address.ts";
import type { Clock } from "../net/clock.ts";
import { NetError } from "../net/error.ts";
import type { Socket, SocketAddr } from "../net/socket.ts";
import type { Limits } from "./chain.ts";
import { secondReply } from "./conversation.ts";
import type { Hop } from "./hop.ts";
import type { HopWire } from "./hop_wire.ts";

/** A peer that came, and how to speak to it. */
export interface AcceptedPeer {
  readonly socket: Socket;
  readonly addr: SocketAddr;
}

/** BIND between its two replies (RFC 1928 s6; the reverse-channel rendezvous of RFC 3089): a gateway listens for one peer. */
export class Rendezvous {
  /** Where the last gateway listens: what the peer is to be told. */
  readonly addr: SocketAddr;
  readonly #wire: HopWire;
  readonly #hop: Hop;
  readonly #clock: Clock;

  constructor(wire: HopWire, hops: readonly Hop[], bound: Address, clock: Clock) {
    this.#wire = wire;
    const hop = this.#hop = hops.at(-1)!;
    const known = hops.length === 1 ? wire.socket.remoteAddr.host : hop.address.host;
    this.addr = { host: isUnspecified(bound.host) ? known : bound.host, port: bound.port };
    this.#clock = clock;
  }

  /** Waits for the peer, once. Rejects with ReplyError or NetError; then the rendezvous is closed. */
  async accept({ deadlineMs, cut }: Limits): Promise<AcceptedPeer> {
    let failure: NetError | undefined;
    const fail = (error: NetError) => {
      failure ??= error;
      this.close();
    };
    const release = cut.on(() => fail(new NetError("aborted", "Cannot accept the peer: called off")));
    const cancel = this.#clock.after(deadlineMs, () => {
      fail(new NetError("timed-out", `Cannot accept the peer: none came within ${deadlineMs} ms`));
    });
    try {
      const { host, port } = await secondReply(this.#wire, this.#hop);
      if (failure) throw failure;
      return { socket: this.#wire.way(), addr: { host, port } };
    } catch (error) {
      this.close();
      throw failure ?? error;
    } finally {
      cancel();
      release();
    }
  }

  close(): void {
    this.#wire.socket.close();
  }
}
