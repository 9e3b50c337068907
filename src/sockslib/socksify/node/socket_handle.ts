import net from "node:net";
import type { SocketAddr } from "../../../net/socket.ts";

/** The handle below a net.Socket in Node.js and in Deno. */
export interface Handle {
  reading: boolean;
  onread: unknown;
  connect(request: ConnectRequest, address: string, port: number): number;
  connect6(request: ConnectRequest, address: string, port: number): number;
  readStop(): number;
  close(done?: () => void): void;
  getpeername(out: PeerName): number;
  [owner: symbol]: unknown;
}

export interface ConnectRequest {
  oncomplete(status: number, handle: Handle, request: ConnectRequest, readable: boolean, writable: boolean): void;
}

interface PeerName {
  address?: string;
  family?: string;
  port?: number;
}

/** The socket of an application. */
export interface Owner {
  _handle: Handle | null;
  destroy(error?: Error): unknown;
  push(bytes: Uint8Array): boolean;
}

export type Connect = (this: Handle, request: ConnectRequest, address: string, port: number) => number;

/** Both runtimes store a handle's socket under a symbol of their own. */
export function ownerSymbol(handle: Handle): symbol | undefined {
  return Object.getOwnPropertySymbols(handle).find(({ description }) => /^owner_?symbol$/i.test(description ?? ""));
}

/** The socket of `handle`. */
export function ownerOf(handle: Handle): Owner | undefined {
  const symbol = ownerSymbol(handle);
  return symbol && handle[symbol] as Owner | undefined;
}

/** The handles' prototype, taken from a socket that is closed before it connects. */
export function handlePrototype(): Handle {
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

/** getpeername() is the address that the application connected to (RFC 3089 s5), below TLS and above it. */
export function tellPeer(handles: readonly (Handle | null | undefined)[], { host, port }: SocketAddr): void {
  for (const handle of handles) {
    if (!handle) continue;
    handle.getpeername = (out) => {
      Object.assign(out, { address: host, family: host.includes(":") ? "IPv6" : "IPv4", port });
      return 0;
    };
  }
}

/** Calls `closed` when `handle` is closed. The returned function cancels it. */
export function onClose(handle: Handle, closed: () => void): () => void {
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
