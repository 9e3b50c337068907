import type { SocketAddr } from "../socket.ts";

/** An HTTP server of the runtime's own, for the admin endpoint. */
export interface HttpServer {
  readonly addr: SocketAddr;
  /** Lets requests under way finish, for a moment. */
  close(): Promise<void>;
}

/** How long requests may take yet when the server closes (ms). */
const CLOSE_MS = 1_000;

/** Who has connected and asks nothing, as browsers do, would be waited for. */
export async function closeSoon(finished: Promise<void>, cut: () => void): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    cut();
    resolve();
  }, CLOSE_MS);
  await Promise.race([finished, late]);
  clearTimeout(timer);
}

/** `from` is the address that a request comes from; undefined behind a unix socket. */
export type Fetch = (request: Request, from?: string) => Response | Promise<Response>;

export interface HttpOptions {
  readonly fetch: Fetch;
  /** Of a unix socket's file: who may connect. */
  readonly mode?: number | undefined;
  /** A request has to have come within so long, and who reads no answer is waited for so long (ms); but for tests, as is usual. */
  readonly requestMs?: number;
  readonly unreadMs?: number;
}

/** Rejects with NetError. */
export type ServeHttp = (addr: SocketAddr, options: HttpOptions) => Promise<HttpServer>;
