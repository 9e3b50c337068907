import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { addressText } from "../../protocol/address.ts";
import { netError } from "../error.ts";
import { closeSoon, type Fetch, type HttpOptions, type HttpServer, wholeUrl } from "./http.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import type { SocketAddr } from "../socket.ts";
import { placeSocket } from "../kernel/sockets/unix_file.ts";

/** Timeouts of a request and of an unread answer (ms). */
const REQUEST_MS = 5_000, UNREAD_MS = 10_000;

const CHECK_MS = 1_000;

/** Maximum connections; beyond it the oldest is closed: a real request is answered long before. */
const MAX_CONNECTIONS = 128;

/** By node:http, for its deadlines and limits against strangers. Rejects with NetError. */
export async function serveHttp(
  addr: SocketAddr,
  { fetch, mode, requestMs = REQUEST_MS, unreadMs = UNREAD_MS }: HttpOptions,
  libc: Libc | undefined,
): Promise<HttpServer> {
  const deadlines = {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: CHECK_MS,
  };
  const server = createServer(deadlines, (request, response) => void answer(request, response, fetch, addr, requestMs));
  server.setTimeout(unreadMs);
  bound(server);
  const listening = new Promise<void>((resolve, reject) => server.once("listening", resolve).on("error", reject));
  try {
    if (addr.unix === undefined) {
      server.listen({ host: addr.host, port: addr.port });
      await listening;
      const { port } = server.address() as { port: number };
      return { addr: { host: addr.host, port }, close: () => end(server) };
    }
    listening.catch(() => {}); // placeSocket() says it better
    const { remove } = await placeSocket(addr.unix, { mode }, libc, (path) => server.listen({ path }));
    await listening;
    const close = () => {
      remove();
      return end(server);
    };
    return { addr, close };
  } catch (error) {
    throw netError(error, "listen on", addressText(addr));
  }
}

/** True if the runtime's node:http knows deadlines: Deno's does from 2.9 on. */
export function hasDeadlines(): boolean {
  return createServer().headersTimeout !== undefined;
}

function bound(server: Server): void {
  const open = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    if (open.size <= MAX_CONNECTIONS) return;
    const [oldest] = open;
    open.delete(oldest!);
    oldest!.destroy();
  });
}

/** Bodies are left unread: only heads are needed here. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  fetch: Fetch,
  addr: SocketAddr,
  requestMs: number,
) {
  const late = setTimeout(() => request.destroy(), requestMs); // Deno has no deadline for it once there is an answer
  const over = () => clearTimeout(late);
  request.resume().on("end", over).on("close", over);
  try {
    const { status, headers, body } = await fetched(request, fetch, addr);
    response.statusCode = status;
    for (const [name, value] of headers) response.setHeader(name, value);
    response.end(body);
  } catch {
    response.statusCode = 500;
    response.end();
  }
}

async function fetched(
  { method, url = "/", headers: { host, ...headers }, socket }: IncomingMessage,
  fetch: Fetch,
  addr: SocketAddr,
) {
  let request;
  try {
    request = new Request(wholeUrl(url, host, addr), {
      method: method!,
      headers: headers as Record<string, string>,
    });
  } catch {
    return { status: 400, headers: [], body: new Uint8Array() }; // a Host that is none, or TRACE
  }
  const answer = await fetch(request, addr.unix === undefined ? unmapped(socket.remoteAddress) : undefined);
  return { status: answer.status, headers: [...answer.headers], body: new Uint8Array(await answer.arrayBuffer()) };
}

/** A socket for both families tells IPv4 addresses in IPv6. */
function unmapped(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, "");
}

function end(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  return closeSoon(closed, () => server.closeAllConnections());
}
