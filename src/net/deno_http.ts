import { addressText } from "../protocol/address.ts";
import { denoError } from "./deno_error.ts";
import { closeSoon, type HttpOptions, type HttpServer } from "./http.ts";
import { openLibc } from "./linux/libc_deno.ts";
import type { SocketAddr } from "./socket.ts";
import { socketAddr } from "./socket_addr.ts";
import { placeSocket } from "./unix_file.ts";

/** How long it is before a server that has ended by itself is replaced (ms). */
const AGAIN_MS = 100;

interface Opened {
  readonly addr: SocketAddr;
  readonly server: Pick<Deno.HttpServer, "finished" | "shutdown">;
  remove(): void;
}

/**
 * For Deno before 2.9, whose node:http has no deadlines: nor has this, but it can end. It does so by itself, too, when it has no
 * descriptor left to accept with, so another takes its place.
 */
export async function serveHttp(addr: SocketAddr, options: HttpOptions): Promise<HttpServer> {
  let opened = await open(addr, options);
  let closed = false;
  const { addr: at } = opened;
  const close = () => {
    closed = true;
    opened.remove();
    return closeSoon(opened.server.shutdown());
  };
  const keepOn = () => {
    opened.server.finished.catch(async () => {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        if (closed) return;
        const next = await open(at, options).catch(() => undefined); // while no descriptor is free
        if (!next) continue;
        opened = next;
        return closed ? void close() : keepOn();
      }
    });
  };
  keepOn();
  return { addr: at, close };
}

async function open(addr: SocketAddr, { fetch, mode }: HttpOptions): Promise<Opened> {
  const answer = (request: Request) => fetch(request);
  const onListen = () => {};
  try {
    if (addr.unix === undefined) {
      const server = Deno.serve({ hostname: addr.host, port: addr.port, onListen }, answer);
      return { addr: socketAddr(server.addr.hostname, server.addr.port), server, remove() {} };
    }
    const bind = (path: string) => Deno.serve({ transport: "unix", path, onListen }, answer);
    const { socket, remove } = await placeSocket(addr.unix, { mode }, openLibc(), bind);
    return { addr, server: socket, remove };
  } catch (error) {
    throw denoError(error, "listen on", addressText(addr));
  }
}
