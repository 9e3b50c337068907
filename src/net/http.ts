import type { SocketAddr } from "./socket.ts";

/** An HTTP server of the runtime's own, for the admin endpoint. */
export interface HttpServer {
  readonly addr: SocketAddr;
  /** Lets requests under way finish. */
  close(): Promise<void>;
}

export type Fetch = (request: Request) => Response | Promise<Response>;

/** Rejects with NetError. */
export type ServeHttp = (addr: SocketAddr, fetch: Fetch) => Promise<HttpServer>;
