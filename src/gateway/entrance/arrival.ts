import type { WayOut } from "../way_out.ts";
import type { AcceptedSocket, SocketAddr } from "../../net/socket.ts";

/** What is so of all who come to one listener. */
export interface AtListener {
  /** Whether they speak TLS. */
  readonly tls: boolean;
  /** By what they leave, where it says so. */
  readonly wayOut: WayOut | undefined;
}

/** A connection that may have a session; limits.leave() is told of its client when it ends. */
export interface Arrival extends AtListener {
  readonly socket: AcceptedSocket;
  readonly client: SocketAddr;
  /** What has been read of it and is the client's. */
  readonly early: Uint8Array | undefined;
}
