import type { SocketAddr } from "./socket.ts";

/** An HTTP server of the runtime's own, for the admin endpoint. */
export interface HttpServer {
  readonly addr: SocketAddr;
  /** Lets requests under way finish, for a moment. */
  close(): Promise<void>;
}

/** How long requests may take yet when the server closes (ms). */
const CLOSE_MS = 1_000;

/** Both runtimes would wait for who has connected and asks nothing, as browsers do: Bun for 10 s, Deno for ever. */
export async function closeSoon(finished: Promise<void>, cut: () => void): Promise<void> {
  const timer = setTimeout(cut, CLOSE_MS);
  await finished;
  clearTimeout(timer);
}

export type Fetch = (request: Request) => Response | Promise<Response>;

export interface HttpOptions {
  readonly fetch: Fetch;
  /** Of a unix socket's file: who may connect. */
  readonly mode?: number | undefined;
}

/** Rejects with NetError. */
export type ServeHttp = (addr: SocketAddr, options: HttpOptions) => Promise<HttpServer>;
