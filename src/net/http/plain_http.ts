import { STATUS_CODES } from "node:http";
import { pause, systemClock } from "../clock.ts";
import { closeSoon, type Fetch, type HttpOptions, type HttpServer, wholeUrl } from "./http.ts";
import type { Net, Socket, SocketAddr } from "../socket.ts";

/** Timeouts of a request, and of reading an answer (ms). */
const REQUEST_MS = 5_000, UNREAD_MS = 10_000;

/** Pause before accepting again without free descriptors (ms). */
const AGAIN_MS = 100;

/** As node:http has them. */
const MAX_HEAD_SIZE = 16 << 10;

/** Maximum connections; beyond it the oldest is closed. */
const MAX_CONNECTIONS = 128;

const CR = 13, LF = 10;

const latin1 = new TextDecoder("latin1"), utf8 = new TextEncoder();

/** A request's head; or the status of its refusal, 0 if the client has left. */
type Head = { readonly method: string; readonly url: string; readonly headers: [string, string][] } | number;

/**
 * For Deno: before 2.9 its own servers have no deadlines, and take heads that others behind them read otherwise (RFC 9112
 * s2.2, s3.2, s6.3); and of a unix socket they close the descriptor twice. One request a connection, whose body is left unread. Rejects with NetError.
 */
export async function serveHttp(net: Net, addr: SocketAddr, { fetch, mode }: HttpOptions): Promise<HttpServer> {
  const listener = await net.listen(addr, { mode, spare: true });
  const open = new Map<Socket, Promise<void>>();
  let closed = false;
  const cut = () => {
    for (const socket of open.keys()) socket.close();
  };
  const serve = async () => {
    while (!closed) {
      const socket = await listener.accept().catch(() => undefined); // no descriptor is free
      if (socket === null) return;
      if (!socket) {
        await pause(systemClock, AGAIN_MS);
        continue;
      }
      open.set(socket, converse(socket, fetch, listener.addr).catch(() => {}).finally(() => open.delete(socket)));
      const [oldest] = open.keys();
      if (open.size > MAX_CONNECTIONS) oldest!.close();
    }
  };
  void serve();
  return {
    addr: listener.addr,
    close() {
      closed = true;
      listener.close();
      return closeSoon(Promise.all(open.values()).then(() => {}), cut);
    },
  };
}

/** Answers one request and closes. Rejects with NetError if the client has left. */
async function converse(socket: Socket, fetch: Fetch, addr: SocketAddr): Promise<void> {
  let timer = setTimeout(() => socket.close(), REQUEST_MS);
  try {
    const head = await takeHead(socket);
    clearTimeout(timer);
    const from = addr.unix === undefined ? socket.remoteAddr.host : undefined;
    const answer = await answerTo(head, fetch, addr, from); // a reload may take a while
    if (!answer) return;
    timer = setTimeout(() => socket.close(), UNREAD_MS);
    const { status, headers } = answer;
    const body = new Uint8Array(await answer.arrayBuffer());
    const isHead = typeof head === "object" && head.method === "HEAD"; // the length would be that of GET's answer
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
      `date: ${new Date().toUTCString()}`,
      ...Array.from(headers, ([name, value]) => `${name}: ${value}`),
      ...isHead || headers.has("content-length") ? [] : [`content-length: ${body.length}`],
      "connection: close",
    ];
    await socket.write(utf8.encode(`${lines.join("\r\n")}\r\n\r\n`));
    if (body.length > 0) await socket.write(body);
    await socket.closeWrite();
    while (await socket.read() !== null); // otherwise unread octets would reset the connection before the client has read the answer
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

async function answerTo(
  head: Head,
  fetch: Fetch,
  addr: SocketAddr,
  from: string | undefined,
): Promise<Response | undefined> {
  if (head === 0) return undefined;
  if (typeof head === "number") return new Response(null, { status: head });
  const { method, url, headers } = head;
  let request;
  try {
    request = new Request(wholeUrl(url, headers.find(([name]) => name === "host")?.[1], addr), { method, headers });
  } catch {
    return new Response(null, { status: 400 });
  }
  try {
    return await fetch(request, from);
  } catch {
    return new Response(null, { status: 500 });
  }
}

async function takeHead(socket: Socket): Promise<Head> {
  let bytes = new Uint8Array(0);
  for (let looked = 0;;) {
    const more = await socket.read();
    if (more === null) return 0;
    const whole = new Uint8Array(bytes.length + more.length);
    whole.set(bytes);
    whole.set(more, bytes.length);
    bytes = whole;
    for (; looked < Math.min(bytes.length, MAX_HEAD_SIZE); looked++) {
      if (bytes[looked] !== LF) continue;
      if (bytes[looked - 1] !== CR) return 400;
      if (bytes[looked - 2] === LF) return parseHead(latin1.decode(bytes.subarray(0, looked - 3)));
    }
    if (bytes.length >= MAX_HEAD_SIZE) return 431;
  }
}

function parseHead(text: string): Head {
  const [first, ...lines] = text.split("\r\n");
  const [, method, url, minor] = /^([A-Z]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/.exec(first!) ?? [];
  if (method === undefined) return 400;
  const headers: [string, string][] = [];
  for (const line of lines) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) return 400;
    headers.push([name.toLowerCase(), value!]);
  }
  const count = (wanted: string) => headers.filter(([name]) => name === wanted).length;
  const hosts = count("host"), lengths = count("content-length");
  const isWrong = hosts > 1 || (hosts === 0 && minor === "1") || lengths > 1 ||
    (lengths > 0 && count("transfer-encoding") > 0);
  return isWrong ? 400 : { method, url: url!, headers };
}
