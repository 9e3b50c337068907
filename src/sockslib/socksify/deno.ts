import dns from "node:dns";
import dnsPromises from "node:dns/promises";
import * as modules from "node:module";
import type { SocketAddr } from "../../net/socket.ts";
import type { Address } from "../../protocol/address.ts";
import { Cut } from "../../net/cut.ts";
import { NetError, netError } from "../../net/error.ts";
import { openBridge } from "./bridge.ts";
import { DatagramFlows } from "./datagram_flows.ts";
import { errorCode } from "./errors.ts";
import { replaceHandleConnect } from "./handle_sockets.ts";
import { LentSocket } from "./lent_socket.ts";
import { replaceDatagrams } from "./node_datagrams.ts";
import { addressOfPointer, replaceDns } from "./node_dns.ts";
import { replaceSocketConnect } from "./node_sockets.ts";
import { greetBySocks } from "./socks_bridge.ts";
import type { Socksifier } from "./socksifier.ts";

/** Deno: Deno.connect, connectTls, resolveDns, listenDatagram, fetch and what shares its client, and node:net and others. */
export async function socksifyDeno(socksifier: Socksifier): Promise<void> {
  replaceDns(socksifier.answers);
  renewNamedImports();
  replaceHandleConnect(socksifier);
  replaceSocketConnect(socksifier.destinations);
  replaceDatagrams(socksifier);
  replaceConnect(socksifier);
  replaceResolveDns(socksifier);
  if ("listenDatagram" in Deno) replaceListenDatagram(socksifier);
  await replaceHttpClients();
}

/**
 * `import { lookup } from "node:dns"` takes the function from a module that cannot be changed: it is given another. By its
 * URL alone: a hook that loads modules breaks require() of JSON (Deno 2.9).
 */
function renewNamedImports(): void {
  const { registerHooks } = modules as unknown as { registerHooks?(hooks: unknown): void };
  if (!registerHooks) return;
  const renewed = new Map([["dns", moduleOf("dns", dns)], ["dns/promises", moduleOf("dns/promises", dnsPromises)]]);
  registerHooks({
    resolve(specifier: string, from: { conditions?: readonly string[] }, next: (...args: unknown[]) => unknown) {
      const url = renewed.get(specifier.replace(/^node:/, ""));
      if (!url || from.conditions?.includes("require")) return next(specifier, from);
      return { url, format: "module", shortCircuit: true };
    },
  });
}

/** The URL of a module that exports what `members` has now. */
function moduleOf(name: string, members: object): string {
  const key = `gate46:${name}`;
  Object.defineProperty(globalThis, Symbol.for(key), { value: members });
  const names = Object.keys(members).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default");
  const source = [
    `const module = globalThis[Symbol.for("${key}")];`,
    "export default module;",
    ...names.map((name) => `export const ${name} = module.${name};`),
  ];
  return `data:text/javascript,${encodeURIComponent(source.join("\n"))}`;
}

interface TlsOptions extends Deno.ConnectTlsOptions {
  readonly cert?: string;
  readonly key?: string;
}

function replaceConnect(socksifier: Socksifier): void {
  const { connect, connectTls, startTls } = Deno;
  const open = async (options: Deno.ConnectOptions, via: Address, to: SocketAddr): Promise<Deno.TcpConn> => {
    const cut = new Cut();
    const abort = () => cut.make();
    const { signal } = options;
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    let conn: Deno.TcpConn | undefined;
    try {
      await socksifier.upstream.connect(via, async (hop) => {
        conn = await connect({ hostname: hop.host, port: hop.port, signal });
        return lend(conn, hop, cut);
      }, cut);
    } catch (error) {
      signal?.throwIfAborted();
      throw denoError(error);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    const unpin = socksifier.pin(via);
    return tellPeer(conn!, to, unpin);
  };
  const beyond = async (hostname: string, port: number) => {
    try {
      const pair = await socksifier.answers.addresses(hostname);
      const host = pair?.v4 ?? hostname;
      const via = socksifier.destinations.via(host, port);
      return via && { via, to: { host, port } };
    } catch (error) {
      throw denoError(error);
    }
  };
  Deno.connect = async function (options: Deno.ConnectOptions) {
    const { hostname, port, transport = "tcp" } = options ?? {};
    const found = transport === "tcp" && typeof hostname === "string" ? await beyond(hostname, port) : undefined;
    return found ? await open(options, found.via, found.to) : await connect(options);
  } as typeof Deno.connect;
  Deno.connectTls = async function (options: TlsOptions) {
    const { hostname, port } = options ?? {};
    const found = typeof hostname === "string" ? await beyond(hostname, port) : undefined;
    if (!found) return await connectTls(options);
    if (options.cert !== undefined || options.key !== undefined) {
      throw new Deno.errors.NotSupported("Cannot connect with a client certificate through a gateway");
    }
    const conn = await open(options as Deno.ConnectOptions, found.via, found.to);
    return tellPeer(await startTls(conn, options as Deno.StartTlsOptions), found.to);
  };
}

/** `conn` for the conversation; what is read of it is read an octet at a time. */
function lend(conn: Deno.TcpConn, hop: SocketAddr, cut: Cut): LentConn {
  const socket = new LentConn(conn, hop);
  cut.on(() => socket.close());
  return socket;
}

class LentConn extends LentSocket {
  readonly #conn: Deno.TcpConn;
  readonly #octet = new Uint8Array(1);

  constructor(conn: Deno.TcpConn, hop: SocketAddr) {
    super({
      localAddr: { host: conn.localAddr.hostname, port: conn.localAddr.port },
      remoteAddr: hop,
      async write(bytes) {
        for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
      },
      close() {
        try {
          conn.close();
        } catch {
          return; // closed before
        }
      },
    });
    this.#conn = conn;
  }

  override async read(): Promise<Uint8Array | null> {
    try {
      return await this.#conn.read(this.#octet) ? this.#octet.slice() : null;
    } catch (error) {
      throw netError(error, "talk to", `the gateway ${this.remoteAddr.host}`);
    }
  }
}

/** remoteAddr is the address that the application connected to (RFC 3089 s5). */
function tellPeer<C extends Deno.TcpConn | Deno.TlsConn>(conn: C, { host, port }: SocketAddr, closed?: () => void): C {
  Object.defineProperty(conn, "remoteAddr", { value: { transport: "tcp", hostname: host, port }, configurable: true });
  if (closed) {
    const { close } = conn;
    conn.close = () => {
      closed();
      close.call(conn);
    };
  }
  return conn;
}

/** Class in Deno.errors, where it has one, and text. */
const denoErrors: Readonly<Record<string, readonly [name: keyof typeof Deno.errors | undefined, text: string]>> = {
  ECONNREFUSED: ["ConnectionRefused", "Connection refused (os error 111)"],
  ECONNRESET: ["ConnectionReset", "Connection reset by peer (os error 104)"],
  ECONNABORTED: ["ConnectionAborted", "Software caused connection abort (os error 103)"],
  ETIMEDOUT: ["TimedOut", "Connection timed out (os error 110)"],
  EACCES: ["PermissionDenied", "Permission denied (os error 13)"],
  EHOSTUNREACH: [undefined, "No route to host (os error 113)"],
  ENETUNREACH: [undefined, "Network is unreachable (os error 101)"],
};

/** As Deno's own. */
function denoError(cause: unknown): Error {
  const code = errorCode(cause);
  if (code === "ENOTFOUND") {
    return new Error("failed to lookup address information: Name or service not known", { cause });
  }
  const [name, text] = denoErrors[code] ?? [undefined, code];
  const error = new (name ? Deno.errors[name] : Error)(text, { cause });
  return Object.assign(error, { code });
}

function replaceResolveDns({ answers }: Socksifier): void {
  const { resolveDns } = Deno;
  Deno.resolveDns = async function (name: string, type: string, options?: Deno.ResolveDnsOptions) {
    if (type === "A" || type === "AAAA") {
      try {
        const pair = await answers.addresses(name);
        if (pair) return [type === "A" ? pair.v4 : pair.v6];
      } catch (cause) {
        throw new Deno.errors.NotFound(`no records found for ${name}`, { cause });
      }
    }
    if (type === "PTR") {
      const found = answers.name(addressOfPointer(name.toLowerCase()) ?? name);
      if (found !== undefined) return [found];
    }
    const records = await resolveDns(name, type as "A", options);
    if (type === "A" || type === "AAAA") answers.learn(records);
    return records;
  } as typeof Deno.resolveDns;
}

function replaceListenDatagram(socksifier: Socksifier): void {
  const unstable = Deno as unknown as {
    listenDatagram(options: { transport: string; hostname?: string; port: number }): Deno.DatagramConn;
  };
  const { listenDatagram } = unstable;
  unstable.listenDatagram = function (options) {
    const conn = listenDatagram(options);
    return options?.transport === "udp" ? new SocksifiedDatagrams(socksifier, conn).conn : conn;
  };
}

type Received = [Uint8Array<ArrayBuffer>, Deno.Addr];

/** What has come through the gateway waits for receive(); so many datagrams, more are lost, as UDP may. */
const MAX_QUEUED = 256;

/** A DatagramConn that sends through the gateway what goes there, and receives both from there and directly. */
class SocksifiedDatagrams {
  readonly conn: Deno.DatagramConn;
  readonly #receive: (buffer?: Uint8Array<ArrayBuffer>) => Promise<Received>;
  readonly #queue: Received[] = [];
  #wake: (() => void) | undefined;
  /** The direct receive() that is under way, which may outlast the call that began it. */
  #direct: Promise<void> | undefined;
  #failed: unknown;

  constructor(socksifier: Socksifier, conn: Deno.DatagramConn) {
    this.conn = conn;
    const { send, close, receive } = conn;
    this.#receive = (buffer) => receive.call(conn, buffer) as Promise<Received>;
    const flows = new DatagramFlows(socksifier, (payload, { host, port }) => {
      if (this.#queue.length >= MAX_QUEUED) return;
      this.#queue.push([payload as Uint8Array<ArrayBuffer>, { transport: "udp", hostname: host, port }]);
      this.#wake?.();
    });
    conn.send = async (bytes, to) => {
      const { hostname, port } = to as Deno.NetAddr;
      const payload = bytes.slice();
      try {
        const pair = await socksifier.answers.addresses(hostname);
        const host = pair?.v4 ?? hostname;
        const via = socksifier.destinations.via(host, port);
        if (!via) return await send.call(conn, bytes, to);
        await flows.send(payload, via, host);
        return payload.length;
      } catch (error) {
        throw error instanceof NetError || (error as { reply?: number }).reply !== undefined ? denoError(error) : error;
      }
    };
    conn.receive = (buffer) => this.#next(buffer as Uint8Array<ArrayBuffer> | undefined);
    conn.close = () => {
      flows.close();
      close.call(conn);
    };
    conn[Symbol.asyncIterator] = async function* () {
      for (;;) {
        try {
          yield await conn.receive();
        } catch (error) {
          if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
          throw error;
        }
      }
    };
  }

  async #next(buffer?: Uint8Array<ArrayBuffer>): Promise<Received> {
    this.#direct ??= this.#receive().then((received) => void this.#queue.push(received), (error) => {
      this.#failed = error;
    }).finally(() => {
      this.#direct = undefined;
      this.#wake?.();
    });
    while (this.#queue.length === 0) {
      if (this.#failed) {
        const error = this.#failed;
        this.#failed = undefined;
        throw error;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const [bytes, from] = this.#queue.shift()!;
    if (!buffer) return [bytes, from];
    const size = Math.min(buffer.length, bytes.length);
    buffer.set(bytes.subarray(0, size));
    return [buffer.subarray(0, size), from];
  }
}

/**
 * fetch, WebSocket, WebSocketStream and EventSource share a client that is made when it is first used, with the proxy that
 * the environment names then: the bridge. A client of the application's own is given it.
 */
async function replaceHttpClients(): Promise<void> {
  const { port, password } = await openBridge(greetBySocks);
  const url = `socks5h://gate46:${password}@127.0.0.1:${port}`;
  const changes: Readonly<Record<string, string>> = { ALL_PROXY: url, NO_PROXY: "localhost,127.0.0.0/8,::1" };
  const names = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of Object.entries(changes)) Deno.env.set(name, value);
  await (await fetch("data:,")).text();
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of before) if (value !== undefined) Deno.env.set(name, value);
  const { createHttpClient } = Deno;
  Deno.createHttpClient = (options) =>
    createHttpClient(options?.proxy ? options : { ...options, proxy: { url } } as typeof options);
}
