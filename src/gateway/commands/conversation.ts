import type { Address } from "../../protocol/address.ts";
import type { SessionEnd, SessionRecord, UdpDestinationRecord } from "../../events.ts";
import type { Cut } from "../../net/cut.ts";
import type { AcceptedSocket, Prefaces } from "../../net/socket.ts";
import type { Dialler } from "../dial/dial_race.ts";
import type { Bandwidth } from "../limits/bandwidth.ts";
import type { GatewaySettings } from "../settings.ts";
import type { Upstreams } from "../upstreams/upstreams.ts";
import type { Encapsulation } from "../../sockslib/gssapi/encapsulation.ts";
import type { Wire } from "../entrance/wire.ts";

/** What a command works with once its request has been read. */
export interface Conversation extends Dialler {
  readonly settings: GatewaySettings;
  /** The upstreams of rules with `via`. */
  readonly upstreams?: Upstreams;
  readonly record: SessionRecord;
  readonly client: AcceptedSocket;
  readonly wire: Wire;
  /** The encapsulation of all traffic with `client`, datagrams included; undefined for none. */
  readonly encapsulation: Encapsulation | undefined;
  /** Fires when the session is cut from outside: the command then closes all that it holds open. */
  readonly cut: Cut;
  /** Records each UDP destination, if there is an audit. */
  readonly audit: ((destination: UdpDestinationRecord) => void) | undefined;
  /** Undefined without a bandwidth limit so far: an allow rule may add one. */
  bandwidth(): Bandwidth | undefined;
  /**
   * The result of `wait`, which the cut must end: the cut fires if the client leaves meanwhile. A client that only half-closes,
   * after a complete request or with data to relay behind it, may wait for the answer, unless it `staysOpen`.
   */
  attended<T>(wait: () => Promise<T>, staysOpen?: boolean): Promise<T>;
  /** Sends the reply 00, "succeeded". */
  succeed(bound: Address): Promise<void>;
  /** Octets for the destination, sent before those that follow the request. */
  readonly head: Uint8Array | undefined;
  /** Changes the first octets of the client, with `head`, and of the destination. */
  readonly preface: Prefaces | undefined;
}

/** A relay that runs and needs nothing of the conversation, which is let go. In an object, since `await` of a promise waits for it. */
export interface Relaying {
  readonly relaying: Promise<SessionEnd>;
}

/** Serves one command; an error that it throws becomes the reply (reply.ts), unless one has been sent. */
export type Serve = (conversation: Conversation, destination: Address) => Promise<SessionEnd | Relaying>;
