import { Command } from "../protocol/codes.ts";
import { Cut } from "../net/cut.ts";
import type { Socket, SocketAddr } from "../net/socket.ts";
import { Association } from "./association.ts";
import { type ChainDialler, type ChainReach, type Limits, openChain } from "./chain/hop_chain.ts";
import { converse } from "./chain/handshake.ts";
import { destinationAddress } from "./chain/destination.ts";
import { type Hop, parseHops } from "./chain/hop.ts";
import { openAssociation } from "./chain/nested_association.ts";
import { Rendezvous } from "./chain/rendezvous.ts";

/** Default time limits: for the gateways' answer, and for the peer of BIND. */
const DEADLINE_MS = 30_000, ACCEPT_DEADLINE_MS = 180_000;

/** Options of a client. */
export interface ClientOptions extends ChainReach {
  /** The gateways to go through, nearest first, as `socks5://[USER:PASSWORD@]HOST[:PORT]`; the last may be `http://…`. */
  readonly via: string | readonly string[];
}

/** Limits of one call. */
export interface CallOptions {
  /** Cancels the call: it rejects with NetError "aborted". A result that it has already given lives on. */
  readonly signal?: AbortSignal;
  /** In ms; later it rejects with NetError "timed-out". */
  readonly deadlineMs?: number;
}

/** A connected peer. */
export interface AcceptedPeer {
  /** The connection with the peer. */
  readonly socket: Socket;
  /** The peer's address, as the last gateway reports it. */
  readonly addr: SocketAddr;
}

/** BIND for applications. */
export interface BoundRendezvous {
  /** The address at which the last gateway listens: give it to the peer. */
  readonly addr: SocketAddr;
  /** Waits for the peer, once. */
  accept(options?: CallOptions): Promise<AcceptedPeer>;
  /** Closes it. Idempotent. */
  close(): void;
}

/**
 * The client's half of SOCKSv5 (RFC 1928, RFC 1929) through one gateway, or a chain of them (RFC 3089 s4). Names travel
 * unresolved to the last. All calls reject with NetError for a failure of the network, with ReplyError for a gateway's refusal,
 * and with RangeError, before anything is sent, for a destination that SOCKS cannot express.
 *
 * ```ts
 * const client = new Client({ net: await openNet(), clock: systemClock, resolver: systemResolver(), via });
 * const socket = await client.connect({ host: "example.org", port: 80 });
 * ```
 */
export class Client {
  readonly #dialler: ChainDialler;
  readonly #hops: readonly Hop[];

  /** Throws RangeError for an invalid `via`; the message has no credentials. */
  constructor({ via, ...dialler }: ClientOptions) {
    this.#dialler = dialler;
    this.#hops = parseHops(typeof via === "string" ? [via] : via);
  }

  /** CONNECT: a connection to `destination` by name or address. */
  async connect(destination: SocketAddr, options: CallOptions = {}): Promise<Socket> {
    const address = destinationAddress(destination);
    const { wire } = await this.#open(
      options,
      (limits) =>
        openChain(this.#dialler, this.#hops, limits, (wire) => converse(wire, this.#hops, Command.Connect, address)),
    );
    return wire.way();
  }

  /** BIND: the last gateway listens for a connection from `peer`; 0.0.0.0 or :: with port 0 is any. */
  async bind(peer: SocketAddr, options: CallOptions = {}): Promise<BoundRendezvous> {
    const address = destinationAddress(peer);
    const { wire, value: bound } = await this.#open(
      options,
      (limits) =>
        openChain(this.#dialler, this.#hops, limits, (wire) => converse(wire, this.#hops, Command.Bind, address)),
    );
    const rendezvous = new Rendezvous(wire, this.#hops, bound, this.#dialler.clock);
    return {
      addr: rendezvous.addr,
      accept: async (options) => {
        const call = { deadlineMs: ACCEPT_DEADLINE_MS, ...options };
        const addr = await this.#open(call, (limits) => rendezvous.accept(limits));
        return { socket: wire.way(), addr };
      },
      close: () => rendezvous.close(),
    };
  }

  /** UDP ASSOCIATE: datagrams to any destination. */
  async associate(options: CallOptions = {}): Promise<Association> {
    return new Association(await this.#open(options, (limits) => openAssociation(this.#dialler, this.#hops, limits)));
  }

  /** Runs a call within the caller's limits. */
  async #open<T>({ signal, deadlineMs = DEADLINE_MS }: CallOptions, call: (limits: Limits) => Promise<T>): Promise<T> {
    const cut = new Cut();
    const make = () => cut.make();
    signal?.addEventListener("abort", make);
    if (signal?.aborted) make();
    try {
      return await call({ deadlineMs, cut });
    } finally {
      signal?.removeEventListener("abort", make);
    }
  }
}
