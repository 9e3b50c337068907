import type { Asker } from "../../turns/fair_queue.ts";
import type { Cut } from "../cut.ts";

/** GSSAPI (RFC 2743) of Kerberos, by the system's library. Every failure is a NetError in the library's words. */

/** What another side has wrapped. */
export interface Unwrapped {
  /** What was in the token. */
  readonly bytes: Uint8Array;
  /** Whether nobody else could read it. */
  readonly sealed: boolean;
}

/** A security context, from its first token on. It is of one thread at a time. */
export interface GssContext {
  /** Whether both sides know who the other is. */
  readonly established: boolean;
  /** Whether each side has shown the other who it is. */
  readonly mutual: boolean;
  /** Who the other side is, as alice@EXAMPLE.ORG; known of whoever began the context. */
  readonly peer: string | undefined;
  /** What this machine calls it (auth_to_local); undefined where it has no name for it, and where that is not wanted. */
  readonly peerLocally: string | undefined;
  /** Takes the other side's token; resolves with what it is to get, which may be empty. Throws NetError. */
  step(token: Uint8Array): Uint8Array;
  /** `room` octets are free in front of the token, which is put `into` that, where it is given. Throws NetError. */
  wrap(bytes: Uint8Array, sealed: boolean, room: number, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** What is in it is put `into` that, where it is given. Throws NetError. */
  unwrap(token: Uint8Array, into?: Uint8Array): Unwrapped;
  /** How many octets may be wrapped for a token of at most `size`. Throws NetError. */
  capacity(sealed: boolean, size: number): number;
  /** Idempotent; whatever is asked of it afterwards throws NetError. */
  close(): void;
}

/** The side that clients come to, by the keys of a keytab. */
export interface GssAcceptor {
  /** Throws NetError where nobody could be let in. */
  check(): void;
  /**
   * A context that a client begins: of Kerberos alone; or, `negotiating`, as HTTP has it, where SPNEGO (RFC 4178) may stand around
   * it, and nothing but the cache of what was shown keeps others from showing it again: then there always is one. Throws NetError.
   */
  accept(negotiating?: boolean): GssContext;
  /** Contexts live on. Idempotent. */
  close(): void;
}

/** The side that goes to others, with what the system has: a credential cache, or a client keytab. */
export interface GssInitiator {
  /** A context with `target`: service@host, or a principal where it has a slash. */
  initiate(target: string): GssInitiation;
}

/** A context that is begun here. Whoever knows no ticket is asked for one elsewhere, which may take its time. */
export interface GssInitiation {
  /** Once established. */
  readonly context: GssContext | undefined;
  /** Takes the other side's token, none at first; resolves with what it is to get, which may be empty. Rejects with NetError. */
  step(token: Uint8Array, asker: Asker, cut?: Cut): Promise<Uint8Array>;
  /** Closes what is not established. */
  close(): void;
}
