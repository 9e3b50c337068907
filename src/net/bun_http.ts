/// <reference types="bun-types" />
import { addressText } from "../protocol/address.ts";
import { netError } from "./error.ts";
import { closeSoon, type Fetch, type HttpServer } from "./http.ts";
import type { SocketAddr } from "./socket.ts";

// deno-lint-ignore require-await -- what Bun.serve throws becomes a rejection
export async function serveHttp(addr: SocketAddr, fetch: Fetch): Promise<HttpServer> {
  try {
    const server = Bun.serve({
      hostname: addr.host,
      port: addr.port,
      fetch: (request) => fetch(request.url.startsWith("/") ? withHost(request, addr) : request),
    });
    return {
      addr: { host: addr.host, port: server.port! },
      close: () => closeSoon(server.stop(), () => void server.stop(true)),
    };
  } catch (error) {
    throw netError(error, "listen on", addressText(addr));
  }
}

/** HTTP/1.0 knows no Host, which a health check may leave out; Bun then gives the path for a URL. */
function withHost(request: Request, addr: SocketAddr): Request {
  return new Request(`http://${addressText(addr)}${request.url}`, request);
}
