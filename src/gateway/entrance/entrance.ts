import type { SessionEnd, SessionRecord } from "../../events.ts";
import type { Prefaces, SocketAddr } from "../../net/socket.ts";
import type { Address } from "../../protocol/address.ts";
import type { Command } from "../../protocol/codes.ts";
import type { Credentials } from "../../protocol/negotiation.ts";
import type { Encapsulation } from "../../sockslib/gssapi/encapsulation.ts";
import type { GssapiDoor } from "./gssapi/gssapi_negotiation.ts";
import type { Wire } from "./wire.ts";

/** The outcome of a request: the reply of RFC 1928 s6 with its address, or the reason why it is not 00. */
export interface Outcome {
  readonly reply: number;
  readonly bound?: Address | undefined;
  readonly error?: unknown;
}

/** The answer in the client's protocol; empty if there is none. */
export type Answer = (outcome: Outcome) => Uint8Array;

/** A client's request, independent of its protocol. */
export interface Wish {
  readonly command: Command;
  readonly destination: Address;
  /** True if only rules with `names` may allow it: the client did not ask a proxy, only for a name. */
  readonly byName?: true;
  /** How this request is answered, if not as others of the entrance. */
  readonly answer?: Answer;
  /** Idle timeout, if it differs from the settings'. */
  readonly idleMs?: number | undefined;
  /** Octets sent to the destination first. */
  readonly head?: Uint8Array | undefined;
  /** Changes the first octets of the client, with `head`, and of the destination. */
  readonly preface?: Prefaces;
}

/** What an entrance works with. */
export interface Door {
  readonly wire: Wire;
  /** The address that the client connected to, from the kernel. */
  here(): SocketAddr;
  /** Facts about the client are recorded here. */
  readonly record: Pick<SessionRecord, "client" | "method" | "protection" | "username" | "userId" | "detail">;
  /** True if the client needs no credentials. */
  readonly mayGoWithout: boolean;
  /**
   * The verdict on credentials, after any delay; undefined if none are required. A half-close of the client meanwhile counts as
   * leaving, unless it `hasSaidAll`.
   */
  readonly isGood: ((credentials: Credentials, hasSaidAll?: boolean) => Promise<boolean>) | undefined;
  /** Undefined without GSSAPI, as is the next. */
  readonly gssapi: GssapiDoor | undefined;
  /** Ends the session, also during the relay, as the client's octets are not valid. */
  readonly violated: (detail: string) => void;
  /** Encapsulates all later octets; returns the replacement of `wire`. */
  readonly encapsulate: ((encapsulation: Encapsulation) => Wire) | undefined;
}

/** A client protocol: from its first octet to the client's request. */
export interface Entrance {
  readonly protocol: NonNullable<SessionRecord["protocol"]>;
  /** True if a conversation of this protocol begins with this octet. */
  fits(first: number): boolean;
  readonly answer: Answer;
  /** True to reset the connection of a client that cannot get the reply of a failure. */
  readonly resets?: true | undefined;
  /**
   * The client's request; or the end of the session, if the client has its answer already. Rejects with ProtocolError, Refusal,
   * ClientLeft or NetError.
   */
  take(door: Door): Promise<Wish | SessionEnd>;
  /** The answer to a client whose protocol is not accepted here. */
  turnAway(sentence: string): Uint8Array;
}
