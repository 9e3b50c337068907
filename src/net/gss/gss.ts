import type { Asker } from "../../turns/fair_queue.ts";
import type { Cut } from "../cut.ts";

/** GSSAPI (RFC 2743) with Kerberos, by the system's library. Every failure is a NetError with the library's text. */

/** An unwrapped token. */
export interface Unwrapped {
  /** The content of the token. */
  readonly bytes: Uint8Array;
  /** True if it was encrypted. */
  readonly sealed: boolean;
}

/** A security context, from its first token on. Only one thread may use it at a time. */
export interface GssContext {
  /** True once the context is established. */
  readonly established: boolean;
  /** True with mutual authentication. */
  readonly mutual: boolean;
  /** The peer's principal, for example alice@EXAMPLE.ORG; known on the acceptor's side. */
  readonly peer: string | undefined;
  /** The peer's local name (auth_to_local); undefined if there is none, or if it is not needed. */
  readonly peerLocally: string | undefined;
  /** Takes the peer's token; resolves with the answer, which may be empty. Throws NetError. */
  step(token: Uint8Array): Uint8Array;
  /** `room` octets are free before the token, which is written `into` the buffer, if given. Throws NetError. */
  wrap(bytes: Uint8Array, sealed: boolean, room: number, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** The content is written `into` the buffer, if given. Throws NetError. */
  unwrap(token: Uint8Array, into?: Uint8Array): Unwrapped;
  /** Octets that fit a token of at most `size`. Throws NetError. */
  capacity(sealed: boolean, size: number): number;
  /** Idempotent; later calls throw NetError. */
  close(): void;
}

/** The acceptor, with the keys of a keytab. */
export interface GssAcceptor {
  /** Throws NetError if no client could be accepted. */
  check(): void;
  /**
   * A context that a client begins: of Kerberos alone; or, `negotiating`, as HTTP has it, where SPNEGO (RFC 4178) may stand around
   * it, and nothing but the cache of what was shown keeps others from showing it again: then there always is one. Throws NetError.
   */
  accept(negotiating?: boolean): GssContext;
  /** Existing contexts live on. Idempotent. */
  close(): void;
}

/** The initiator, with the system's credentials: a credential cache, or a client keytab. */
export interface GssInitiator {
  /** A context with `target`: service@host, or a principal if it has a slash. */
  initiate(target: string): GssInitiation;
}

/** A context initiated here. A missing ticket is requested in another thread, which may take time. */
export interface GssInitiation {
  /** Once established. */
  readonly context: GssContext | undefined;
  /** Takes the peer's token, none at first; resolves with the answer, which may be empty. Rejects with NetError. */
  step(token: Uint8Array, asker: Asker, cut?: Cut): Promise<Uint8Array>;
  /** Closes a context that is not established. */
  close(): void;
}
