/// <reference types="bun-types" />
import { Buffer } from "node:buffer";
import process from "node:process";
import workerThreads from "node:worker_threads";
import { Cut } from "../../net/cut.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Address } from "../../protocol/address.ts";
import { type Bridge, openBridge } from "./bridge.ts";
import { type Handlers, LentNative, type Native, replaceBunSocketConnect } from "./bun_sockets.ts";
import { DatagramFlows } from "./datagram_flows.ts";
import { socketError } from "./errors.ts";
import { greetByHttp } from "./http_bridge.ts";
import { replaceDatagrams } from "./node_datagrams.ts";
import { replaceDns } from "./node_dns.ts";
import type { Socksifier } from "./socksifier.ts";

interface ConnectOptions {
  readonly hostname?: string;
  readonly port?: number;
  readonly unix?: string;
  readonly fd?: number;
  readonly tls?: unknown;
  readonly data?: unknown;
  readonly socket: Handlers;
  readonly [option: string]: unknown;
}

interface BunSocket extends Native {
  data: unknown;
  upgradeTLS(options: { tls: unknown; data: unknown; socket: Handlers }): [raw: BunSocket, secured: BunSocket];
}

interface UdpOptions {
  readonly connect?: { readonly hostname: string; readonly port: number };
  readonly socket?: { data?(socket: UdpSocket, bytes: unknown, port: number, host: string): unknown };
  readonly binaryType?: "buffer" | "uint8array" | "arraybuffer";
  readonly [option: string]: unknown;
}

interface UdpSocket {
  send(bytes: unknown, port?: number, host?: string): boolean;
  sendMany(batch: readonly unknown[]): number;
  close(): void;
  reload(options: UdpOptions): unknown;
  readonly binaryType?: string;
}

type Fetch = typeof fetch & { preconnect?: unknown };

/**
 * Bun: Bun.connect, Bun.udpSocket, Bun.dns, fetch, WebSocket, and node:net, node:tls, node:dns, node:dgram; `preload`, the
 * file that calls this, in workers too.
 */
export async function socksifyBun(socksifier: Socksifier, preload: string): Promise<void> {
  replaceDns(socksifier.answers);
  replaceBunDns(socksifier);
  replaceBunSocketConnect(socksifier);
  replaceDatagrams(socksifier);
  replaceConnect(socksifier);
  replaceUdpSocket(socksifier);
  const bridge = await openBridge(greetByHttp);
  replaceFetch(socksifier, bridge);
  replaceWebSocket(socksifier, bridge);
  // Bun.fetch cannot be replaced, nor Bun's own undici and node-fetch: they ask the environment, each time.
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]) process.env[name] = proxyUrl(bridge);
  for (const name of ["NO_PROXY", "no_proxy"]) process.env[name] = "localhost,127.0.0.1,::1";
  replaceWorkers(preload);
}

type WorkerClass = new (file: unknown, options?: { readonly preload?: string | readonly string[] }) => unknown;

/** Workers do not inherit --preload. What is imported by name from node:worker_threads cannot be replaced. */
function replaceWorkers(preload: string): void {
  for (const owner of [globalThis, workerThreads] as unknown as { Worker: WorkerClass }[]) {
    owner.Worker = new Proxy(owner.Worker, {
      construct(target, [file, options], newTarget) {
        const others = options?.preload ?? [];
        const all = [preload, ...typeof others === "string" ? [others] : others];
        return Reflect.construct(target, [file, { ...options, preload: all }], newTarget) as object;
      },
    });
  }
}

/** node:dns, imported by name or not, asks Bun.dns. */
function replaceBunDns({ answers }: Socksifier): void {
  const dns = Bun.dns as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const { lookup, resolve, reverse } = dns as Required<typeof dns>;
  dns.lookup = async (host, options) => {
    const answer = typeof host === "string" ? answers.addresses(host) : undefined;
    if (!answer) {
      const found = await lookup.call(dns, host, options) as { address: string }[];
      answers.learn(found.map(({ address }) => address));
      return found;
    }
    const { family } = (options ?? {}) as { family?: number | string };
    const { v4, v6 } = await answer.catch((cause) => {
      throw dnsError(cause, host as string);
    });
    const both = [{ address: v4, family: 4, ttl: 0 }, { address: v6, family: 6, ttl: 0 }];
    return both.filter((one) =>
      ![4, "IPv4"].includes(family!) && ![6, "IPv6"].includes(family!) || `${family}`.endsWith(`${one.family}`)
    );
  };
  dns.resolve = async (host, type) => {
    const wanted = type ?? "A";
    const answer = typeof host === "string" && (wanted === "A" || wanted === "AAAA")
      ? answers.addresses(host)
      : undefined;
    if (!answer) return await resolve.call(dns, host, type);
    const { v4, v6 } = await answer.catch((cause) => {
      throw dnsError(cause, host as string);
    });
    return [{ address: wanted === "A" ? v4 : v6, ttl: 0 }];
  };
  dns.reverse = async (address) => {
    const name = typeof address === "string" ? answers.name(address) : undefined;
    return name === undefined ? await reverse.call(dns, address) : [name];
  };
}

/** As Bun's own: node:dns makes its errors of it. */
function dnsError(cause: unknown, hostname: string): Error {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`, { cause });
  return Object.assign(error, {
    name: "DNSException",
    code: "DNS_ENOTFOUND",
    syscall: "getaddrinfo",
    errno: 4,
    hostname,
  });
}

function replaceConnect(socksifier: Socksifier): void {
  const bun = Bun as unknown as { connect(options: unknown): Promise<BunSocket> };
  const original = bun.connect;
  bun.connect = async function (options) {
    const { hostname, port, unix, fd, socket: own } = options as ConnectOptions;
    if (unix !== undefined || fd !== undefined || typeof hostname !== "string" || typeof own !== "object") {
      return await original.call(this, options);
    }
    let to = { host: hostname, port: Number(port) };
    let lent: LentNative | undefined;
    let via: Address | undefined;
    try {
      const pair = await socksifier.answers.addresses(hostname);
      if (pair) to = { host: pair.v4, port: to.port };
      via = socksifier.destinations.via(to.host, to.port);
      if (!via) return await original.call(this, options);
      await socksifier.upstream.connect(via, async (hop) => {
        lent = new LentNative(hop);
        const lending = {
          ...options as ConnectOptions,
          tls: undefined,
          hostname: hop.host,
          port: hop.port,
          data: undefined,
          socket: lent.handlers,
        };
        original.call(this, lending).catch(() => {}); // connectError tells it
        await lent.opened;
        return lent.socket;
      }, new Cut());
    } catch (cause) {
      const error = socketError(cause, "connect", to);
      (own.connectError as ((socket: unknown, error: Error) => unknown) | undefined)?.({
        data: (options as ConnectOptions).data,
      }, error);
      throw error;
    }
    return handOver(options as ConnectOptions, lent!, to, socksifier.pin(via));
  };
}

/** Makes the connection the application's: its handlers, its data, its TLS. */
function handOver(options: ConnectOptions, lent: LentNative, to: SocketAddr, unpin: () => void): BunSocket {
  const own: Handlers = {
    ...options.socket,
    close(socket, error) {
      unpin();
      return options.socket.close?.(socket, error);
    },
  };
  let socket = lent.native as BunSocket;
  if (options.tls) {
    const serverName = typeof options.tls === "object"
      ? (options.tls as { serverName?: string }).serverName
      : undefined;
    const tls = { ...options.tls === true ? {} : options.tls as object, serverName: serverName ?? options.hostname };
    socket.reload({ socket: { data() {} } });
    [, socket] = socket.upgradeTLS({ tls, data: options.data, socket: tellingPeer(own, to) });
    return tellPeer(socket, to);
  }
  socket.data = options.data;
  tellPeer(socket, to);
  socket.reload({ socket: own });
  own.open?.(socket);
  const early = lent.socket.rest();
  if (early.length > 0) own.data?.(socket, Buffer.from(early));
  return socket;
}

/** The socket that the handlers get first is to know its peer already. */
function tellingPeer(own: Handlers, to: SocketAddr): Handlers {
  return { ...own, open: (socket) => own.open?.(tellPeer(socket as BunSocket, to)) };
}

function tellPeer(socket: BunSocket, { host, port }: SocketAddr): BunSocket {
  const told = { remoteAddress: host, remotePort: port, remoteFamily: host.includes(":") ? "IPv6" : "IPv4" };
  for (const [name, value] of Object.entries(told)) Object.defineProperty(socket, name, { value, configurable: true });
  return socket;
}

function replaceUdpSocket(socksifier: Socksifier): void {
  const bun = Bun as unknown as { udpSocket(options: UdpOptions): Promise<UdpSocket> };
  const original = bun.udpSocket;
  bun.udpSocket = async function (options) {
    const peer = options?.connect;
    const connected = peer && await found(socksifier, peer.hostname, peer.port);
    const socket = await original.call(this, connected ? { ...options, connect: undefined } : options);
    let handlers = options?.socket;
    const flows = new DatagramFlows(socksifier, (payload, { host, port }) => {
      handlers?.data?.(socket, received(payload, options.binaryType), port, host);
    });
    const own = socket as { -readonly [name in keyof UdpSocket]: UdpSocket[name] };
    const { send, sendMany, close, reload } = socket;
    own.send = (bytes, port, host) => {
      const to = connected ?? (typeof host === "string" ? found(socksifier, host, Number(port)) : undefined);
      if (!to) return send.call(socket, bytes, port, host);
      const payload = copy(bytes);
      Promise.resolve(to).then((to) => to && flows.send(payload, to.via, to.address)).catch((error) => {
        (handlers as { error?(error: Error): unknown } | undefined)?.error?.(
          socketError(error, "send", { host: peer?.hostname ?? host!, port: peer?.port ?? port! }),
        );
      });
      return true;
    };
    own.sendMany = (batch) => {
      if (connected) return batch.filter((bytes) => socket.send(bytes)).length;
      if (peer) return sendMany.call(socket, batch);
      let sent = 0;
      for (let i = 0; i + 2 < batch.length; i += 3, sent++) {
        if (!socket.send(batch[i], batch[i + 1] as number, batch[i + 2] as string)) break;
      }
      return sent;
    };
    own.reload = (options) => {
      handlers = options.socket;
      return reload.call(socket, options);
    };
    own.close = () => {
      flows.close();
      close.call(socket);
    };
    return socket;
  };
}

/** Where to send to for `host`, and what it stands for; undefined where that goes directly. */
function found(
  { answers, destinations }: Socksifier,
  host: string,
  port: number,
): Promise<{ via: Address; address: string }> | { via: Address; address: string } | undefined {
  const pair = answers.addresses(host);
  if (pair) return pair.then(({ v4 }) => ({ via: destinations.via(v4, port)!, address: v4 }));
  const via = destinations.via(host, port);
  return via && { via, address: host };
}

function copy(bytes: unknown): Uint8Array {
  if (typeof bytes === "string") return Buffer.from(bytes);
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice()
    : new Uint8Array(bytes as ArrayBuffer).slice();
}

function received(payload: Uint8Array, type: UdpOptions["binaryType"]): unknown {
  if (type === "uint8array") return payload;
  return type === "arraybuffer" ? payload.slice().buffer : Buffer.from(payload);
}

/** fetch takes an HTTP proxy: the bridge. */
function replaceFetch(socksifier: Socksifier, bridge: Bridge): void {
  const original = globalThis.fetch as Fetch;
  const proxy = proxyUrl(bridge);
  const replacement = async (
    input: string | URL | Request,
    init?: RequestInit & { proxy?: unknown; unix?: unknown },
  ) => {
    const url = urlOf(input);
    if (!url || init?.proxy || init?.unix || !beyond(socksifier, url)) return await original(input, init);
    const at = performance.now();
    try {
      return await original(input, { ...init, proxy } as RequestInit);
    } catch (error) {
      throw fetchError(error, bridge.failure(bare(url.hostname), at), url);
    }
  };
  Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(original));
  globalThis.fetch = replacement as typeof fetch;
}

/** As Bun's own for what could not be reached. */
function fetchError(error: unknown, failure: Error | undefined, url: URL): unknown {
  if (!failure || (error as Error).name === "AbortError" || (error as Error).name === "TimeoutError") return error;
  const { code } = failure as { code?: string };
  const message = `Unable to connect. Is the computer able to access the url? (${failure.message})`;
  return Object.assign(new Error(message, { cause: failure }), {
    code: code === "ECONNREFUSED" ? "ConnectionRefused" : code,
    path: url.href,
  });
}

function replaceWebSocket(socksifier: Socksifier, bridge: Bridge): void {
  const Original = globalThis.WebSocket as unknown as new (...args: unknown[]) => WebSocket;
  const proxy = proxyUrl(bridge);
  globalThis.WebSocket = new Proxy(Original, {
    construct(target, [address, options], newTarget) {
      const url = urlOf(address);
      const given = typeof options === "string" || Array.isArray(options) ? { protocols: options } : { ...options };
      if (!url || given.proxy || !beyond(socksifier, url)) {
        return Reflect.construct(target, options === undefined ? [address] : [address, options], newTarget);
      }
      return Reflect.construct(target, [address, { ...given, proxy }], newTarget);
    },
  }) as unknown as typeof WebSocket;
}

function beyond({ destinations }: Socksifier, url: URL): boolean {
  if (!/^(https?|wss?):$/.test(url.protocol)) return false;
  try {
    return destinations.via(
      bare(url.hostname),
      Number(url.port || (/^(https|wss):$/.test(url.protocol) ? 443 : 80)),
    ) !== undefined;
  } catch {
    return true; // the bridge says why not
  }
}

function urlOf(input: unknown): URL | undefined {
  try {
    return new URL(input instanceof Request ? input.url : String(input));
  } catch {
    return undefined;
  }
}

function proxyUrl({ port, password }: Bridge): string {
  return `http://gate46:${password}@127.0.0.1:${port}`;
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
