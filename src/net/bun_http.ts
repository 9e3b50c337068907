/// <reference types="bun-types" />
import { addressText } from "../protocol/address.ts";
import { netError } from "./error.ts";
import { closeSoon, type HttpOptions, type HttpServer } from "./http.ts";
import { openLibc } from "./linux/libc_bun.ts";
import type { SocketAddr } from "./socket.ts";
import { placeSocket } from "./unix_file.ts";

export async function serveHttp(addr: SocketAddr, { fetch, mode }: HttpOptions): Promise<HttpServer> {
  const answer = (request: Request) => fetch(request.url.startsWith("/") ? withHost(request, addr) : request);
  try {
    if (addr.unix === undefined) {
      const server = Bun.serve({ hostname: addr.host, port: addr.port, fetch: answer });
      return { addr: { host: addr.host, port: server.port! }, close: () => end(server) };
    }
    const bind = (unix: string) => Bun.serve({ unix, fetch: answer });
    const { socket, remove } = await placeSocket(addr.unix, { mode }, await openLibc(), bind);
    const close = () => {
      remove();
      return end(socket);
    };
    return { addr, close };
  } catch (error) {
    throw netError(error, "listen on", addressText(addr));
  }
}

/** HTTP/1.0 knows no Host, which a health check may leave out; Bun then gives the path for a URL. */
function withHost(request: Request, addr: SocketAddr): Request {
  return new Request(`http://${addr.unix === undefined ? addressText(addr) : "localhost"}${request.url}`, request);
}

function end(server: { stop(now?: boolean): Promise<void> }): Promise<void> {
  return closeSoon(server.stop(), () => void server.stop(true));
}
