/// <reference types="bun-types" />
import { Buffer } from "node:buffer";
import type { Address } from "../../../protocol/address.ts";
import { DatagramFlows } from "../datagram_flows.ts";
import { socketError } from "../system_errors.ts";
import type { Socksifier } from "../socksifier.ts";

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

/** Replaces Bun.udpSocket(): the socket sends routed datagrams through the gateway, and its handler gets the answers. */
export function replaceUdpSocket(socksifier: Socksifier): void {
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

/** The address to send to for `host`, and its meaning; undefined if it goes directly. */
function found(
  { answers, destinations }: Socksifier,
  host: string,
  port: number,
): Promise<{ via: Address; address: string }> | { via: Address; address: string } | undefined {
  const pair = answers.addresses(host);
  if (pair) return pair.then(({ ipv4 }) => ({ via: destinations.via(ipv4, port)!, address: ipv4 }));
  try {
    const via = destinations.via(host, port);
    return via && { via, address: host };
  } catch (cause) {
    throw socketError(cause, "send", { host, port });
  }
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
