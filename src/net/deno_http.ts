import { addressText } from "../protocol/address.ts";
import { denoError } from "./deno_error.ts";
import { closeSoon, type HttpOptions, type HttpServer } from "./http.ts";
import { openLibc } from "./linux/libc_deno.ts";
import type { SocketAddr } from "./socket.ts";
import { socketAddr } from "./socket_addr.ts";
import { placeSocket } from "./unix_file.ts";

/** For Deno before 2.9, whose node:http has no deadlines: nor has this, but it can end. */
export async function serveHttp(addr: SocketAddr, { fetch, mode }: HttpOptions): Promise<HttpServer> {
  const answer = (request: Request) => fetch(request);
  const onListen = () => {};
  const end = (server: { shutdown(): Promise<void> }) => closeSoon(server.shutdown());
  try {
    if (addr.unix === undefined) {
      const server = Deno.serve({ hostname: addr.host, port: addr.port, onListen }, answer);
      return { addr: socketAddr(server.addr.hostname, server.addr.port), close: () => end(server) };
    }
    const bind = (path: string) => Deno.serve({ transport: "unix", path, onListen }, answer);
    const { socket, remove } = await placeSocket(addr.unix, { mode }, openLibc(), bind);
    const close = () => {
      remove();
      return end(socket);
    };
    return { addr, close };
  } catch (error) {
    throw denoError(error, "listen on", addressText(addr));
  }
}
