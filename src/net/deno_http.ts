import { addressText } from "../protocol/address.ts";
import { denoError } from "./deno_error.ts";
import { closeSoon, type Fetch, type HttpServer } from "./http.ts";
import type { SocketAddr } from "./socket.ts";
import { socketAddr } from "./socket_addr.ts";

// deno-lint-ignore require-await -- what Deno.serve throws becomes a rejection
export async function serveHttp(addr: SocketAddr, fetch: Fetch): Promise<HttpServer> {
  try {
    const cut = new AbortController();
    const { host: hostname, port } = addr;
    const server = Deno.serve({ hostname, port, signal: cut.signal, onListen() {} }, (request) => fetch(request));
    return {
      addr: socketAddr(server.addr.hostname, server.addr.port),
      close: () => closeSoon(server.shutdown(), () => cut.abort()),
    };
  } catch (error) {
    throw denoError(error, "listen on", addressText(addr));
  }
}
