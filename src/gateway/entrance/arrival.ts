import type { WayOut } from "../way_out.ts";
import type { AcceptedSocket, SocketAddr } from "../../net/socket.ts";
import type { Speech } from "../settings.ts";

/** What a client's listener is for. */
export interface Listened {
  /** What rules call it: its address. */
  readonly listener: string;
  /** Whether its clients speak TLS. */
  readonly tls: boolean;
  /** What they may speak in it; undefined for everything. */
  readonly only: Speech | undefined;
  /** By what they leave, where it says so. */
  readonly wayOut: WayOut | undefined;
}

/** A connection that may have a session; limits.leave() is told of its client when it ends. */
export interface Arrival {
  readonly at: Listened;
  readonly socket: AcceptedSocket;
  readonly client: SocketAddr;
  /** What has been read of it and is the client's. */
  readonly early: Uint8Array | undefined;
}
