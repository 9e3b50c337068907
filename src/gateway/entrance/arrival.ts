import type { WayOut } from "../way_out.ts";
import type { AcceptedSocket, SocketAddr } from "../../net/socket.ts";
import type { Speech } from "../settings.ts";

/** The listener of a client. */
export interface Listened {
  /** Its name in rules: its address. */
  readonly listener: string;
  /** True if its clients speak TLS. */
  readonly tls: boolean;
  /** The protocols allowed in it; undefined for all. */
  readonly only: Speech | undefined;
  /** The source of their connections, if the listener sets one. */
  readonly wayOut: WayOut | undefined;
}

/** An admitted connection; call limits.leave() with its client when it ends. */
export interface Arrival {
  readonly at: Listened;
  readonly socket: AcceptedSocket;
  readonly client: SocketAddr;
  /** The client's octets that were read already. */
  readonly early: Uint8Array | undefined;
}
