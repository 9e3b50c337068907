import dgram from "node:dgram";
import dns from "node:dns";
import net from "node:net";
import type { Cut } from "../../../net/cut.ts";
import { NetError, netError } from "../../../net/error.ts";
import type { Datagram, Socket, SocketAddr, UdpSocket } from "../../../net/socket.ts";
import { addressText, ipAddress } from "../../../protocol/address.ts";

/** The runtime's own functions, kept before they are replaced. */
const connect = net.Socket.prototype.connect as (this: net.Socket, options: net.TcpNetConnectOpts) => net.Socket;
const { bind, send, address } = dgram.Socket.prototype;
const { lookup } = dns;

/** Received octets kept for a slow reader; further datagrams are dropped. */
const MAX_QUEUED = 256;

/** The addresses of `host` by the system, not by replaced functions. */
export function systemLookup(host: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error) reject(netError(error, "resolve", `'${host}'`));
      else resolve(found.map(({ address }) => address));
    });
  });
}

/** A connection of the preload's own; it keeps the process running until unref(). */
export async function connectDirectly(addr: SocketAddr, cut?: Cut): Promise<NodeSocket> {
  const stream = new net.Socket({ allowHalfOpen: true });
  const text = addressText(addr);
  const release = cut?.on(() => stream.destroy(new NetError("aborted", `Cannot connect to ${text}: given up`)));
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once("connect", resolve).once("error", reject).once("close", () => reject(new Error("closed")));
      connect.call(stream, { host: addr.host, port: addr.port });
    });
  } catch (error) {
    throw netError(error, "connect to", text);
  } finally {
    release?.();
  }
  return new NodeSocket(stream, addr);
}

/** A socket of node:net in the form of the SOCKS client. */
export class NodeSocket implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #stream: net.Socket;
  #error: NetError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(stream: net.Socket, addr: SocketAddr) {
    this.#stream = stream;
    this.remoteAddr = addr;
    const { localAddress = "0.0.0.0", localPort = 0 } = stream;
    this.localAddr = ipAddress(localAddress, localPort) ?? { host: localAddress, port: localPort };
    stream.removeAllListeners("close").removeAllListeners("error");
    stream.on("readable", () => this.#wake?.());
    stream.on("end", () => this.#over());
    stream.on("close", () => this.#over());
    stream.on("error", (error) => {
      this.#error = netError(error, "talk to", addressText(addr));
      this.#over();
    });
    stream.setNoDelay(true);
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes = this.#stream.read() as Uint8Array | null;
      if (bytes) return bytes;
      if (this.#error) throw this.#error;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error) reject(netError(error, "talk to", addressText(this.remoteAddr)));
        else resolve();
      });
    });
  }

  closeWrite(): Promise<void> {
    this.#stream.end();
    return Promise.resolve();
  }

  close(): void {
    this.#stream.destroy();
  }

  reset(): void {
    this.#stream.resetAndDestroy();
  }

  keepAlive(): void {
    this.#stream.setKeepAlive(true, 60_000);
  }

  unref(): void {
    this.#stream.unref();
  }

  #over(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

/** A UDP socket of the preload's own; it does not keep the process running. */
export async function bindDirectly(addr: SocketAddr): Promise<UdpSocket> {
  const socket = dgram.createSocket(addr.host.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => reject(netError(error, "bind UDP", addressText(addr))));
    bind.call(socket, { address: addr.host, port: addr.port }, resolve);
  });
  socket.unref();
  return new NodeUdpSocket(socket);
}

class NodeUdpSocket implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #socket: dgram.Socket;
  #queue: Datagram[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(socket: dgram.Socket) {
    this.#socket = socket;
    const { address: host, port } = address.call(socket);
    this.addr = { host, port };
    socket.removeAllListeners("error").on("error", () => {}); // refused datagrams are dropped
    socket.on("message", (bytes, { address: host, port }) => {
      if (this.#queue.length >= MAX_QUEUED) return;
      this.#queue.push({ bytes, addr: { host: ipAddress(host, port)?.host ?? host, port } });
      this.#wake?.();
    });
  }

  async receive(): Promise<readonly Datagram[] | null> {
    while (this.#queue.length === 0 && !this.#closed) await new Promise<void>((resolve) => this.#wake = resolve);
    const batch = this.#queue;
    this.#queue = [];
    return batch.length > 0 ? batch : null;
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    const lost = await Promise.all(batch.map(({ bytes, addr }) =>
      new Promise<number>((resolve) => {
        (send as (...args: unknown[]) => void).call(
          this.#socket,
          bytes,
          addr.port,
          addr.host,
          (error: unknown) => resolve(error ? 1 : 0),
        );
      })
    ));
    return lost.reduce((sum, one) => sum + one, 0);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#wake?.();
  }
}
