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

/** What a command has to work with once its request has been read. */
export interface Conversation extends Dialler {
  readonly settings: GatewaySettings;
  /** What rules with `via` go through. */
  readonly upstreams?: Upstreams;
  readonly record: SessionRecord;
  readonly client: AcceptedSocket;
  readonly wire: Wire;
  /** In which all that `client` says and hears travels, datagrams too; undefined where it goes as it is. */
  readonly encapsulation: Encapsulation | undefined;
  /** Made when the session is cut from outside: whatever the command holds open is to be closed then. */
  readonly cut: Cut;
  /** Is told of each UDP destination, where there is an audit. */
  readonly audit: ((destination: UdpDestinationRecord) => void) | undefined;
  /** Undefined where nothing bounds it yet: rules that let something through may. */
  bandwidth(): Bandwidth | undefined;
  /**
   * What `wait` comes to, which the cut has to end: it is made when the client leaves meanwhile. Who finishes, with a
   * request that is whole or something to relay behind it, may wait for what comes back, unless it `staysOpen`.
   */
  attended<T>(wait: () => Promise<T>, staysOpen?: boolean): Promise<T>;
  /** Sends the reply 00, "succeeded". */
  succeed(bound: Address): Promise<void>;
  /** What the destination is sent before what comes behind the request. */
  readonly head: Uint8Array | undefined;
  /** Changes what the client, with `head`, and the destination say first. */
  readonly preface: Prefaces | undefined;
}

/** A relay that runs and needs nothing of the conversation, which is let go. In an object, since `await` of a promise waits for it. */
export interface Relaying {
  readonly relaying: Promise<SessionEnd>;
}

/** Serves one command; what it throws becomes the reply (reply.ts) unless one has been sent. */
export type Serve = (conversation: Conversation, destination: Address) => Promise<SessionEnd | Relaying>;
