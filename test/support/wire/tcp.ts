import { randomInt } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { connectUnix } from "../linux/deno_unix.ts";
import { runtime } from "../program/runtime.ts";
import { within } from "../program/until.ts";

/** A TCP connection of node:net as a test wants it: an observer that shares no code with the adapters. */
export class Tcp {
  readonly socket: Socket;
  #bytes: Uint8Array = new Uint8Array(0);
  /** What came behind them. */
  readonly #more: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #error: string | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.#more.push(chunk);
      this.#size += chunk.length;
      this.#wake();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", (error: Error & { code?: string }) => {
      this.#error = error.code ?? error.message;
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  static async to({ host, port, unix }: SocketAddr): Promise<Tcp> {
    if (unix !== undefined && runtime === "deno") return new Tcp(await connectUnix(unix) as unknown as Socket);
    const to = unix === undefined ? { host, port, noDelay: true } : { path: unix };
    const socket = connect({ ...to, allowHalfOpen: true });
    const client = new Tcp(socket); // now, lest it miss what comes at once
    const opened = new Promise<void>((resolve, reject) =>
      socket.once("connect", resolve).once("error", (error: Error & { code?: string }) => {
        // Who is reset was connected, though the reset may be seen first.
        if (error.code === "ECONNRESET") resolve();
        else reject(error);
      })
    );
    await within(`a connection to ${unix ?? `${host} port ${port}`}`, opened);
    return client;
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Exactly `size` bytes; rejects when the end or an error comes first. */
  async read(size: number): Promise<Uint8Array> {
    await this.#until(`${size} bytes`, () => this.#size >= size);
    const whole = this.#whole();
    this.#bytes = whole.subarray(size);
    this.#size -= size;
    return whole.slice(0, size);
  }

  /** All up to the end. */
  async rest(): Promise<Uint8Array> {
    await this.#until("the end", () => this.#ended);
    return this.#whole();
  }

  /** How it ended: "end", or the code of the error. */
  async end(): Promise<string> {
    try {
      await this.rest();
    } catch {
      return this.#error!;
    }
    return this.#error ?? "end";
  }

  close(): void {
    this.socket.destroy();
  }

  #whole(): Uint8Array {
    if (this.#more.length > 0) this.#bytes = concat(this.#bytes, ...this.#more.splice(0));
    return this.#bytes;
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#error) throw new Error(`Cannot read ${what}: ${this.#error}`);
      if (this.#ended) throw new Error(`Cannot read ${what}: ended after ${this.#size} bytes`);
      await within(what, new Promise<void>((resolve) => this.#wake = resolve));
    }
  }
}

/** A server whose connections each go to `serve`. */
export async function listenTcp(
  host: string,
  serve: (connection: Tcp) => void,
  port = 0,
): Promise<{ addr: SocketAddr; close(): void }> {
  const connections = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(socket);
    serve(new Tcp(socket));
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  return {
    addr: { host, port: (server.address() as { port: number }).port },
    close() {
      for (const socket of connections) socket.destroy();
      server.close();
    },
  };
}

/** Echoes until the end, then ends too. */
export function echoServer(host: string, port = 0): Promise<{ addr: SocketAddr; close(): void }> {
  return listenTcp(host, ({ socket }) => void socket.pipe(socket), port);
}

/** Whether nobody listens there. */
export async function refuses(addr: SocketAddr): Promise<boolean> {
  const client = await Tcp.to(addr).catch(() => undefined);
  client?.close();
  return client === undefined;
}

/**
 * For programs that cannot be asked for a port of their choice, and for ports that are left and taken again: none that a system
 * gives to whoever asks for any.
 */
export async function unusedPort(host: string): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error: Error & { code?: string }) => {
        if (error.code === "EADDRINUSE") resolve(false);
        else reject(error);
      });
      server.listen(port, host, () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
