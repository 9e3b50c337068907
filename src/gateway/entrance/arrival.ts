import type { AcceptedSocket, SocketAddr } from "../../net/socket.ts";

/** A connection that may have a session; limits.leave() is told of its client when it ends. */
export interface Arrival {
  readonly socket: AcceptedSocket;
  readonly client: SocketAddr;
  /** Whether the client speaks TLS. */
  readonly tls: boolean;
  /** What has been read of it and is the client's. */
  readonly early: Uint8Array | undefined;
}
