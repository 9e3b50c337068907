import type { SessionEnd, SessionRecord } from "../../events.ts";
import type { Prefaces, SocketAddr } from "../../net/socket.ts";
import type { Address } from "../../protocol/address.ts";
import type { Command } from "../../protocol/codes.ts";
import type { Credentials } from "../../protocol/negotiation.ts";
import type { Encapsulation } from "../../sockslib/gssapi/encapsulation.ts";
import type { GssapiDoor } from "./gssapi/gssapi_negotiation.ts";
import type { Wire } from "./wire.ts";

/** What is told of how a request ended: the reply as in RFC 1928 s6, with the address that stands in it, or why it is not 00. */
export interface Outcome {
  readonly reply: number;
  readonly bound?: Address | undefined;
  readonly error?: unknown;
}

/** The octets that tell a client of it in its own protocol; empty where nothing is to be said. */
export type Answer = (outcome: Outcome) => Uint8Array;

/** What a client wants, whatever protocol it said it in. */
export interface Wish {
  readonly command: Command;
  readonly destination: Address;
  /** Only rules with `names` let it pass: nobody asked the gateway for it but by its name. */
  readonly byName?: true;
  /** How this one is answered, where that is not how others of the entrance are. */
  readonly answer?: Answer;
  /** As settings have it, where it is another here. */
  readonly idleMs?: number | undefined;
  /** What the destination is sent first. */
  readonly head?: Uint8Array | undefined;
  /** Changes what the client, with `head`, and the destination say first. */
  readonly preface?: Prefaces;
}

/** What an entrance works with. */
export interface Door {
  readonly wire: Wire;
  /** Where the client came to; the kernel is asked for it. */
  here(): SocketAddr;
  /** What becomes known of the client is noted here. */
  readonly record: Pick<SessionRecord, "client" | "method" | "protection" | "username" | "userId" | "detail">;
  /** Whether the client needs no credentials. */
  readonly mayGoWithout: boolean;
  /**
   * Whether credentials are good, once that may be told; undefined where nobody is asked for any. The client leaves by finishing
   * meanwhile, but where it `hasSaidAll`.
   */
  readonly isGood: ((credentials: Credentials, hasSaidAll?: boolean) => Promise<boolean>) | undefined;
  /** Undefined where GSSAPI is not spoken, as is the next. */
  readonly gssapi: GssapiDoor | undefined;
  /** Has all that is said from now on travel so; what is to be used in place of `wire`. */
  readonly encapsulate: ((encapsulation: Encapsulation) => Wire) | undefined;
}

/** A protocol that clients may speak: from its first octet to what the client wants. */
export interface Entrance {
  readonly protocol: NonNullable<SessionRecord["protocol"]>;
  /** Whether a conversation that begins with this octet is of this protocol. */
  fits(first: number): boolean;
  readonly answer: Answer;
  /** A client that cannot be told of a failure has its connection reset. */
  readonly resets?: true | undefined;
  /**
   * What the client wants; or how the session ends, where the client was told so already. Rejects with ProtocolError, Refusal,
   * ClientLeft or NetError.
   */
  take(door: Door): Promise<Wish | SessionEnd>;
  /** The octets that tell a client that this protocol is not spoken here. */
  turnAway(sentence: string): Uint8Array;
}
