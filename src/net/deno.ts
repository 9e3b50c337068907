import { addressText } from "../protocol/address.ts";
import { systemClock } from "./clock.ts";
import { denoError } from "./deno_error.ts";
import { BULK_SIZE, lendLarge, SMALL_SIZE, takeBack } from "./deno_buffers.ts";
import { DenoUdpSocket } from "./deno_udp.ts";
import { NetError } from "./error.ts";
import { interfaceAddrs, likelyLocalAddr } from "./interfaces.ts";
import type { Libc } from "./linux/libc.ts";
import { openLibc } from "./linux/libc_deno.ts";
import { Descriptors, resetConnection, routedLocalAddr } from "./linux/probe.ts";
import { relay } from "./relay.ts";
import type { ConnectOptions, Listener, Net, Socket, SocketAddr } from "./socket.ts";
import { socketAddr } from "./socket_addr.ts";

/** The adapter for Deno: Deno.listen, Deno.connect and Deno.listenDatagram. */
export function denoNet(): Net {
  return {
    bindsConnections: false, // Deno.connect has no such option
    listen: (addr) => Promise.resolve().then(() => listen(addr)),
    connect,
    bindUdp: (addr) => Promise.resolve().then(() => DenoUdpSocket.bind(addr, kernel()?.libc)),
    relay: (client, destination, options) => relay(client, destination, options, systemClock),
    localAddrFor: (host) => {
      const libc = kernel()?.libc;
      return Promise.resolve(libc ? routedLocalAddr(libc, host) : likelyLocalAddr(host));
    },
    localAddrs: interfaceAddrs,
  };
}

interface Kernel {
  readonly libc: Libc;
  readonly descriptors: Descriptors;
}

let opened: { kernel: Kernel | undefined } | undefined;

/** libc, opened when first needed. */
function kernel(): Kernel | undefined {
  if (!opened) {
    const libc = openLibc();
    opened = { kernel: libc && { libc, descriptors: new Descriptors(libc) } };
  }
  return opened.kernel;
}

function listen(addr: SocketAddr): Listener {
  try {
    return new DenoListener(
      Deno.listen({ hostname: addr.host, port: addr.port }),
    );
  } catch (error) {
    throw denoError(error, "listen on", addressText(addr));
  }
}

async function connect(addr: SocketAddr, { cut }: ConnectOptions = {}): Promise<Socket> {
  try {
    const options = { hostname: addr.host, port: addr.port, ...(cut && { signal: cut.signal }) };
    return new DenoSocket(await Deno.connect(options));
  } catch (error) {
    if (cut?.made) throw new NetError("aborted", `Cannot connect to ${addressText(addr)}: given up`);
    throw denoError(error, "connect to", addressText(addr));
  }
}

class DenoListener implements Listener {
  readonly addr: SocketAddr;
  readonly #listener: Deno.TcpListener;
  #closed = false;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.addr = socketAddr(listener.addr.hostname, listener.addr.port);
  }

  async accept(): Promise<Socket | null> {
    while (!this.#closed) {
      try {
        return new DenoSocket(await this.#listener.accept());
      } catch (error) {
        if (this.#closed) break;
        const failure = denoError(error, "accept on", addressText(this.addr));
        if (failure.kind !== "closed") throw failure;
        // ENOTCONN: reset while it waited, which is nobody's loss but its own.
      }
    }
    return null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}

class DenoSocket implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #conn: Deno.TcpConn;
  readonly #small = new Uint8Array(SMALL_SIZE);
  #large: Uint8Array<ArrayBuffer> | undefined;
  #lastSize = 0;
  #reading = false;
  #closed = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.localAddr = socketAddr(conn.localAddr.hostname, conn.localAddr.port);
    this.remoteAddr = socketAddr(conn.remoteAddr.hostname, conn.remoteAddr.port);
    this.#option(() => conn.setNoDelay(true));
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#closed) return null;
    if (this.#lastSize < BULK_SIZE) this.#returnLarge();
    else this.#large ??= lendLarge();
    const buffer = this.#large ?? this.#small;
    this.#reading = true;
    try {
      const size = await this.#conn.read(buffer);
      this.#lastSize = size ?? 0;
      return size === null ? null : size === buffer.length ? buffer : buffer.subarray(0, size);
    } catch (error) {
      if (this.#closed) return null;
      throw this.#error(error, "read from");
    } finally {
      this.#reading = false;
      if (this.#closed) this.#returnLarge();
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      let written = await this.#conn.write(bytes);
      while (written < bytes.length) written += await this.#conn.write(bytes.subarray(written));
    } catch (error) {
      throw this.#closed ? new NetError("closed", "Cannot write: closed") : this.#error(error, "write to");
    }
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#conn.closeWrite();
    } catch {
      // Closed already, here or by the peer: nothing is left to say.
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#reading) this.#returnLarge();
    this.#conn.close();
  }

  /** Deno has no call for it, and its close() sends FIN first, so libc resets the connection; without libc this is close(). */
  reset(): void {
    if (this.#closed) return;
    const access = kernel();
    const fd = access?.descriptors.find(this.localAddr, this.remoteAddr);
    if (access && fd !== undefined) resetConnection(access.libc, fd);
    this.close();
  }

  keepAlive(): void {
    if (!this.#closed) this.#option(() => this.#conn.setKeepAlive(true));
  }

  /** Fails on a connection the peer has reset already, which the next read tells. */
  #option(set: () => void): void {
    try {
      set();
    } catch {
      return;
    }
  }

  #returnLarge(): void {
    if (!this.#large) return;
    takeBack(this.#large);
    this.#large = undefined;
  }

  #error(error: unknown, verb: string): NetError {
    return denoError(error, verb, addressText(this.remoteAddr));
  }
}
