/// <reference types="bun-types" />
import { Buffer } from "node:buffer";
import dns from "node:dns";
import net from "node:net";
import process from "node:process";
import tls from "node:tls";
import { Cut } from "../../../net/cut.ts";
import { NetError, netError } from "../../../net/error.ts";
import type { SocketAddr } from "../../../net/socket.ts";
import { type Address, addressText } from "../../../protocol/address.ts";
import { type Callback, connectArguments, type ConnectOptions, target } from "../node/connect_options.ts";
import { socketError } from "../system_errors.ts";
import { LentSocket } from "../lent_socket.ts";
import type { Socksifier } from "../socksifier.ts";

/** Bun's own socket, the parts used here. */
export interface Native {
  write(bytes: Uint8Array): number;
  end(): void;
  terminate(): void;
  reload(options: { socket: Handlers }): void;
}

/** Bun's socket handlers. */
export interface Handlers {
  open?(socket: Native): unknown;
  data?(socket: Native, bytes: Uint8Array): unknown;
  drain?(socket: Native): unknown;
  end?(socket: Native): unknown;
  close?(socket: Native, error?: Error): unknown;
  error?(socket: Native, error: Error): unknown;
  connectError?(socket: Native, error: Error): unknown;
  readonly [other: string]: unknown;
}

/**
 * A connection to the first hop while the SOCKS client talks on it: Bun gets `handlers`, which are replaced by the
 * application's own after the conversation.
 */
export class LentNative {
  readonly socket: LentSocket;
  readonly handlers: Handlers;
  readonly opened: Promise<void>;
  native: Native | undefined;
  #unsent: Uint8Array | undefined;
  #sent: (() => void) | undefined;

  constructor(hop: SocketAddr) {
    const gateway = `the gateway ${addressText(hop)}`;
    this.socket = new LentSocket({
      localAddr: { host: "0.0.0.0", port: 0 },
      remoteAddr: hop,
      write: (bytes) => this.#write(bytes),
      close: () => this.native?.terminate(),
    });
    let open: () => void, fail: (error: Error) => void;
    this.opened = new Promise((resolve, reject) => [open, fail] = [resolve, reject]);
    this.opened.catch(() => {});
    const ended = (error?: Error) => {
      this.socket.end(error && netError(error, "talk to", gateway));
      this.#sent?.();
    };
    this.handlers = {
      open: (socket) => {
        this.native = socket;
        open();
      },
      data: (_socket, bytes) => this.socket.feed(bytes),
      drain: () => this.#flush(),
      end: () => ended(),
      close: (_socket, error) => ended(error),
      error: (_socket, error) => ended(error),
      connectError: (_socket, error) => fail(netError(error, "connect to", gateway)),
    };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#unsent = bytes;
    this.#flush();
    if (this.#unsent) await new Promise<void>((resolve) => this.#sent = resolve);
  }

  #flush(): void {
    if (!this.#unsent) return;
    const rest = this.#unsent.subarray(this.native!.write(this.#unsent));
    this.#unsent = rest.length > 0 ? rest : undefined;
    if (!this.#unsent) this.#sent?.();
  }
}

interface BunNetSocket extends net.Socket {
  [handlers: symbol]: unknown;
}

type Connect = (this: BunNetSocket, ...args: unknown[]) => net.Socket;

/**
 * Replaces net.Socket.connect() in Bun, where each socket holds the handlers that it gives to Bun: during the conversation
 * with the gateway, they are others. A TLSSocket is put onto a net.Socket.
 */
export function replaceBunSocketConnect(socksifier: Socksifier): void {
  const prototype = net.Socket.prototype as unknown as { connect: Connect };
  const original = prototype.connect;
  handlersSymbol(new net.Socket());
  prototype.connect = function (...args) {
    const { options, callback } = connectArguments(args);
    const to = target(options);
    forgetPeer(this);
    if (!to || (!net.isIP(to.host) && socksifier.destinations.isDirect(to.host))) return original.apply(this, args);
    if (net.isIP(to.host)) {
      let via: Address | undefined;
      try {
        via = socksifier.destinations.via(to.host, to.port);
      } catch (error) {
        process.nextTick(() => this.destroy(socketError(error, "connect", to)));
        return this;
      }
      if (!via) return original.apply(this, args);
    }
    if (this instanceof tls.TLSSocket) return secure(this, options, callback);
    if (callback) this.once("connect", callback);
    Object.assign(this, { connecting: true });
    connect(this, options, to).catch((error) => this.destroy(error));
    return this;
  };

  function secure(secured: BunNetSocket, options: ConnectOptions, callback: Callback): net.Socket {
    const socket = new net.Socket() as BunNetSocket;
    socket.connect({ ...options } as net.TcpNetConnectOpts);
    socket.once("lookup", (...found) => secured.emit("lookup", ...found));
    socket.once("ready", () => {
      tellPeer(secured, { host: socket.remoteAddress!, port: socket.remotePort! });
      secured.emit("ready");
    });
    secured.once("close", () => socket.destroy());
    return original.call(secured, { ...options, socket }, callback ?? undefined);
  }

  async function connect(socket: BunNetSocket, options: ConnectOptions, to: SocketAddr): Promise<void> {
    const address = await lookUp(socket, options, to.host);
    if (socket.destroyed) return;
    const peer = { host: address, port: to.port };
    const via = socksifier.destinations.via(address, to.port);
    if (!via) return void original.call(socket, { ...options, host: address });
    const cut = new Cut();
    const giveUp = () => cut.make();
    socket.once("close", giveUp);
    const symbol = handlersSymbol(socket);
    const own = socket[symbol] as Handlers;
    let lent: LentNative | undefined;
    try {
      await socksifier.upstream.connect(via, async (hop) => {
        if (socket.destroyed) throw new NetError("aborted", "Cannot connect to the gateway: given up");
        lent = new LentNative(hop);
        socket[symbol] = { ...own, ...lent.handlers };
        original.call(socket, { ...options, lookup: undefined, host: hop.host, port: hop.port });
        await lent.opened;
        return lent.socket;
      }, cut);
    } catch (error) {
      socket[symbol] = own;
      throw socketError(error, "connect", peer);
    }
    socket[symbol] = own;
    socket.off("close", giveUp);
    if (socket.destroyed) return;
    socket.once("close", socksifier.pin(via));
    tellPeer(socket, peer);
    const { native } = lent!;
    // Out of the promise, so that what a listener throws is the application's uncaught exception.
    process.nextTick(() => {
      if (socket.destroyed) return;
      const early = Buffer.from(lent!.socket.rest());
      native!.reload({ socket: own });
      own.open!(native!);
      if (early.length > 0) own.data!(native!, early);
    });
  }
}

/** The address of `host` by the socket's own lookup function, or the replaced one. */
function lookUp(socket: net.Socket, { family, hints, lookup }: ConnectOptions, host: string): Promise<string> {
  if (net.isIP(host)) return Promise.resolve(host);
  return new Promise((resolve, reject) => {
    const find = lookup ?? dns.lookup as unknown as NonNullable<typeof lookup>;
    find(host, { family: family ?? 0, hints }, (error, address, found) => {
      socket.emit("lookup", error, address, found, host);
      if (error) reject(error);
      else resolve(address);
    });
  });
}

/** Bun asks the kernel for the peer; the application must see the address that it connected to (RFC 3089 s5). */
export function tellPeer(socket: object, { host, port }: SocketAddr): void {
  const told = { remoteAddress: host, remotePort: port, remoteFamily: host.includes(":") ? "IPv6" : "IPv4" };
  for (const [name, value] of Object.entries(told)) Object.defineProperty(socket, name, { value, configurable: true });
}

function forgetPeer(socket: net.Socket): void {
  for (const name of ["remoteAddress", "remotePort", "remoteFamily"]) Reflect.deleteProperty(socket, name);
}

function handlersSymbol(socket: net.Socket): symbol {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "khandlers");
  if (!symbol) throw new Error("Cannot socksify: this Bun's sockets hold no handlers");
  return symbol;
}
