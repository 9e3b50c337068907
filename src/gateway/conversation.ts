import type { Address } from "../protocol/address.ts";
import type { SessionEnd, SessionRecord } from "../events.ts";
import type { Cut } from "../net/cut.ts";
import type { Socket } from "../net/socket.ts";
import type { Dialler } from "./dial.ts";
import type { Bandwidth } from "./limits/bandwidth.ts";
import type { GatewaySettings } from "./settings.ts";
import type { Upstreams } from "./upstreams/upstreams.ts";
import type { Wire } from "./wire.ts";

/** What a command has to work with once its request has been read. */
export interface Conversation extends Dialler {
  readonly settings: GatewaySettings;
  /** What rules with `via` go through. */
  readonly upstreams?: Upstreams;
  readonly record: SessionRecord;
  readonly client: Socket;
  readonly wire: Wire;
  /** Aborted when the session is cut from outside: whatever the command holds open is to be closed then. */
  readonly cut: Cut;
  /** Undefined where nothing bounds it. */
  readonly bandwidth: Bandwidth | undefined;
  /** Sends the reply 00, "succeeded". */
  succeed(bound: Address): Promise<void>;
}

/** Serves one command; what it throws becomes the reply (reply.ts) unless one has been sent. */
export type Serve = (conversation: Conversation, destination: Address) => Promise<SessionEnd>;
