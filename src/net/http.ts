import type { SocketAddr } from "./socket.ts";

/** An HTTP server of the runtime's own, for the admin endpoint. */
export interface HttpServer {
  readonly addr: SocketAddr;
  /** Lets requests under way finish. */
  close(): Promise<void>;
}

export type Fetch = (request: Request) => Response | Promise<Response>;

export interface HttpOptions {
  readonly fetch: Fetch;
  /** Of a unix socket's file: who may connect. */
  readonly mode?: number | undefined;
}

/** Rejects with NetError. */
export type ServeHttp = (addr: SocketAddr, options: HttpOptions) => Promise<HttpServer>;
