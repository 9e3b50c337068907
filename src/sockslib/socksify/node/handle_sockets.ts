import { Buffer } from "node:buffer";
import net from "node:net";
import process from "node:process";
import { Cut } from "../../../net/cut.ts";
import { NetError, netError } from "../../../net/error.ts";
import type { SocketAddr } from "../../../net/socket.ts";
import { getSystemErrorName } from "node:util";
import { type Address, addressText } from "../../../protocol/address.ts";
import { errorCode, errorNumber } from "../system_errors.ts";
import { LentSocket } from "../lent_socket.ts";
import type { Socksifier } from "../socksifier.ts";

/** What stands below a net.Socket in Node.js and in Deno. */
interface Handle {
  reading: boolean;
  onread: unknown;
  connect(request: ConnectRequest, address: string, port: number): number;
  connect6(request: ConnectRequest, address: string, port: number): number;
  readStop(): number;
  close(done?: () => void): void;
  getpeername(out: PeerName): number;
  [owner: symbol]: unknown;
}

interface ConnectRequest {
  oncomplete(status: number, handle: Handle, request: ConnectRequest, readable: boolean, writable: boolean): void;
}

interface PeerName {
  address?: string;
  family?: string;
  port?: number;
}

/** A TLSSocket; its own handle stands on that of the connection. */
interface Secured {
  _handle: Handle & { readonly _parent?: Handle } | null;
}

/** Of the two types of TCP handles, a socket. */
const SOCKET = 0;

interface Owner {
  _handle: Handle | null;
  destroy(error?: Error): unknown;
  push(bytes: Uint8Array): boolean;
}

type Connect = (this: Handle, request: ConnectRequest, address: string, port: number) => number;

/**
 * Replaces the connect of the handles that every net.Socket and TLSSocket stands on. The conversation with the gateway is
 * held on the application's own handle, before it is told that it is connected: no byte is copied later, and every
 * option, event and time-out is the runtime's own.
 *
 * The handle of a TLSSocket of Node.js decrypts from the start: the conversation is held on another, which it is then
 * given, as happens when it has tried several addresses. The returned function is to see it before it connects.
 */
export function replaceHandleConnect(socksifier: Socksifier): (secured: unknown) => void {
  const prototype = handlePrototype();
  const originals = { 4: prototype.connect, 6: prototype.connect6 };
  const securedOf = new WeakMap<Handle, Secured>();
  const replacement = (original: Connect): Connect =>
    function (request, address, port) {
      const peer = { host: address, port };
      let via: Address | NetError | undefined;
      try {
        via = socksifier.destinations.via(address, port);
      } catch (error) {
        via = error as NetError;
      }
      if (!via) return original.call(this, request, address, port);
      void open(this, request, peer, via);
      return 0;
    };
  prototype.connect = replacement(originals[4]);
  prototype.connect6 = replacement(originals[6]);
  return (secured) => {
    const handle = (secured as Secured)._handle, below = handle?._parent;
    if (!handle) return;
    if (!below || !reinitialize(secured as Secured)) {
      throw new Error("Cannot socksify: the handles of this runtime's TLS sockets are not as they were");
    }
    securedOf.set(below, secured as Secured);
  };

  async function open(
    handle: Handle,
    request: ConnectRequest,
    peer: SocketAddr,
    via: Address | NetError,
  ): Promise<void> {
    const secured = securedOf.get(handle);
    const talking = secured ? new (handle.constructor as new (type: number) => Handle)(SOCKET) : handle;
    const cut = new Cut();
    const released = onClose(handle, () => cut.make());
    let lent: LentHandle | undefined;
    let failure: unknown;
    try {
      if (via instanceof NetError) throw via;
      await socksifier.upstream.connect(via, async (hop) => {
        lent = new LentHandle(talking, hop);
        await lent.connect(request, originals[hop.host.includes(":") ? 6 : 4]);
        return lent.socket;
      }, cut);
    } catch (error) {
      failure = error;
    }
    // Out of the promise, so that what a listener throws is the application's uncaught exception.
    process.nextTick(() => {
      lent?.giveBack();
      if (secured && (failure || cut.made)) talking.close();
      if (cut.made) return;
      released();
      if (failure) {
        const failed = secured?._handle ?? handle;
        const status = errorNumber(errorCode(failure));
        return explain(ownerOf(failed), failure, () => request.oncomplete(status, failed, request, false, false));
      }
      const early = Buffer.from(lent!.socket.rest());
      onClose(talking, socksifier.pin(via as Address));
      if (secured) reinitialize(secured)!.call(secured, talking);
      const connected = secured?._handle ?? handle;
      tellPeer([talking, ownerOf(connected)?._handle], peer);
      request.oncomplete(0, connected, request, true, true);
      if (early.length > 0) ownerOf(connected)?.push(early);
    });
  }
}

/** getpeername() is the address that the application connected to (RFC 3089 s5), below TLS and above it. */
function tellPeer(handles: readonly (Handle | null | undefined)[], { host, port }: SocketAddr): void {
  for (const handle of handles) {
    if (!handle) continue;
    handle.getpeername = (out) => {
      Object.assign(out, { address: host, family: host.includes(":") ? "IPv6" : "IPv4", port });
      return 0;
    };
  }
}

/** Calls `closed` when `handle` is closed. The returned function calls that off. */
function onClose(handle: Handle, closed: () => void): () => void {
  const { close } = handle;
  const replacement = handle.close = function (done) {
    handle.close = close;
    closed();
    handle.close(done);
  };
  return () => {
    if (handle.close === replacement) handle.close = close;
  };
}

/** The application's handle while the SOCKS client talks on it: a net.Socket for the time being. */
class LentHandle {
  readonly socket: LentSocket;
  readonly #handle: Handle;
  readonly #hop: SocketAddr;
  #stream: net.Socket | undefined;
  #state: { readonly owner: unknown; readonly onread: unknown } | undefined;

  constructor(handle: Handle, hop: SocketAddr) {
    this.#handle = handle;
    this.#hop = hop;
    this.socket = new LentSocket({
      localAddr: { host: "0.0.0.0", port: 0 },
      remoteAddr: hop,
      write: (bytes) => this.#write(bytes),
      close: () => this.giveBack(),
    });
  }

  async connect({ constructor }: ConnectRequest, connect: Connect): Promise<void> {
    const status = await new Promise<number>((resolve) => {
      const request = new (constructor as new () => ConnectRequest)();
      request.oncomplete = (status) => resolve(status);
      const status = connect.call(this.#handle, request, this.#hop.host, this.#hop.port);
      if (status !== 0) resolve(status);
    });
    if (status !== 0) {
      throw netError({ code: getSystemErrorName(status) }, "connect to", `the gateway ${addressText(this.#hop)}`);
    }
    const handle = this.#handle;
    const owner = ownerOf(handle), { onread } = handle;
    const options = { handle, allowHalfOpen: true, manualStart: true };
    const stream = this.#stream = new net.Socket(options as unknown as net.SocketConstructorOpts);
    this.#state = { owner, onread };
    stream.on("data", (bytes: Uint8Array) => this.socket.feed(bytes));
    stream.on("end", () => this.socket.end());
    stream.on("error", (error) => this.socket.end(netError(error, "talk to", `the gateway ${addressText(this.#hop)}`)));
  }

  /** The handle is its owner's again. */
  giveBack(): void {
    const stream = this.#stream as unknown as { _handle: Handle | null; removeAllListeners(): void } | undefined;
    if (!stream || !this.#state) return;
    const handle = this.#handle;
    stream.removeAllListeners();
    stream._handle = null;
    handle.readStop();
    handle.reading = false;
    if (this.#state.onread) handle.onread = this.#state.onread; // Node.js aborts where it is none
    handle[ownerSymbol(handle)!] = this.#state.owner;
    this.#stream = undefined;
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#stream) return reject(new NetError("closed", "Cannot talk to the gateway: closed"));
      this.#stream.write(bytes, (error) => {
        if (error) reject(netError(error, "talk to", `the gateway ${addressText(this.#hop)}`));
        else resolve();
      });
    });
  }
}

/** Both runtimes keep the socket that a handle belongs to under a symbol of their own. */
function ownerSymbol(handle: Handle): symbol | undefined {
  return Object.getOwnPropertySymbols(handle).find(({ description }) => /^owner_?symbol$/i.test(description ?? ""));
}

function ownerOf(handle: Handle): Owner | undefined {
  const symbol = ownerSymbol(handle);
  return symbol && handle[symbol] as Owner | undefined;
}

/** The handles' prototype: reached through a socket that is closed before it connects anywhere. */
function handlePrototype(): Handle {
  const socket = new net.Socket();
  socket.on("error", () => {});
  socket.connect(9, "127.0.0.1");
  const { _handle: handle } = socket as unknown as { _handle: Handle | null };
  const known = handle && ownerOf(handle) as unknown === socket;
  socket.destroy();
  const prototype = known && Object.getPrototypeOf(handle) as Handle;
  if (!prototype || typeof prototype.connect !== "function" || typeof prototype.connect6 !== "function") {
    throw new Error("Cannot socksify: the handles of this runtime's sockets are not as they were");
  }
  return prototype;
}

/** Runs `fail`, and has the error that it destroys `owner` with tell its cause. */
function explain(owner: Owner | undefined, cause: unknown, fail: () => void): void {
  if (owner) {
    owner.destroy = (error) => {
      delete (owner as Partial<Owner>).destroy;
      if (error && error.cause === undefined) error.cause = cause;
      return owner.destroy(error);
    };
  }
  fail();
  if (owner) delete (owner as Partial<Owner>).destroy;
}

/** Gives a TLSSocket another handle; Node.js has had it since its sockets try several addresses. */
function reinitialize(secured: Secured): ((handle: Handle) => void) | undefined {
  for (let holder = Object.getPrototypeOf(secured); holder; holder = Object.getPrototypeOf(holder)) {
    const symbol = Object.getOwnPropertySymbols(holder).find(({ description }) =>
      description === "kReinitializeHandle"
    );
    if (symbol) return holder[symbol];
  }
  return undefined;
}
