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

/** How long the gateways have for their answer, and the peer of BIND to come, where nothing else is said. */
const DEADLINE_MS = 30_000, ACCEPT_DEADLINE_MS = 180_000;

/** What a client is made of. */
export interface ClientOptions extends ChainReach {
  /** The gateways to go through, nearest first, as `socks5://[USER:PASSWORD@]HOST[:PORT]`; the last may be `http://…`. */
  readonly via: string | readonly string[];
}

/** Limits of one call. */
export interface CallOptions {
  /** Calls it off: it rejects with NetError "aborted". What it has resolved with lives on. */
  readonly signal?: AbortSignal;
  /** In ms; over it, it rejects with NetError "timed-out". */
  readonly deadlineMs?: number;
}

/** A peer that came, and how to speak to it. */
export interface AcceptedPeer {
  /** The connection with the peer. */
  readonly socket: Socket;
  /** The peer's address, as the last gateway tells it. */
  readonly addr: SocketAddr;
}

/** A rendezvous as an application uses it. */
export interface BoundRendezvous {
  /** Where the last gateway listens: what the peer is to be told. */
  readonly addr: SocketAddr;
  /** Waits for the peer, once. */
  accept(options?: CallOptions): Promise<AcceptedPeer>;
  /** Gives it up. Idempotent. */
  close(): void;
}

/**
 * The client's half of SOCKSv5 (RFC 1928, RFC 1929) through one gateway, or a chain of them (RFC 3089 s4). Names travel
 * unresolved to the last. All calls reject with NetError where the network says no, with ReplyError where a gateway does,
 * and with RangeError, before anything is sent, where the destination cannot be said in SOCKS.
 *
 * ```ts
 * const client = new Client({ net: await openNet(), clock: systemClock, resolver: systemResolver(), via });
 * const socket = await client.connect({ host: "example.org", port: 80 });
 * ```
 */
export class Client {
  readonly #dialler: ChainDialler;
  readonly #hops: readonly Hop[];

  /** Throws RangeError where `via` names no gateways to go through; the message has no credentials. */
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

  /** Does something within the limits that the caller sets. */
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
