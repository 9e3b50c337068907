import { addressText } from "../../protocol/address.ts";
import type { SocketAddr } from "../socket.ts";

/** The runtime's HTTP server, for the admin endpoint. */
export interface HttpServer {
  readonly addr: SocketAddr;
  /** Lets running requests finish for a moment. */
  close(): Promise<void>;
}

/** Time for running requests when the server closes (ms). */
const CLOSE_MS = 1_000;

/** Otherwise idle connections, as of browsers, would be waited for. */
export async function closeSoon(finished: Promise<void>, cut: () => void): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    cut();
    resolve();
  }, CLOSE_MS);
  await Promise.race([finished, late]);
  clearTimeout(timer);
}

/** `from` is the client's address; undefined for a unix socket. */
export type Fetch = (request: Request, from?: string) => Response | Promise<Response>;

export interface HttpOptions {
  readonly fetch: Fetch;
  /** Mode of a unix socket's file. */
  readonly mode?: number | undefined;
  /** Timeouts of a request and of an unread answer (ms); tests change them. */
  readonly requestMs?: number;
  readonly unreadMs?: number;
}

/** Rejects with NetError. */
export type ServeHttp = (addr: SocketAddr, options: HttpOptions) => Promise<HttpServer>;

/**
 * The URL of a request: of its path, and its Host. Throws TypeError for a Host that is more than a host and a port (RFC 9110
 * s7.2): the rest of it would be the path.
 */
export function wholeUrl(target: string, host: string | undefined, addr: SocketAddr): string {
  if (!target.startsWith("/")) return target;
  const where = host ?? (addr.unix === undefined ? addressText(addr) : "localhost"); // HTTP/1.0 has none; health checks may omit it
  if (/[\s/?#@\\]/.test(where)) throw new TypeError("Cannot parse Host");
  return `http://${where}${target}`;
}
