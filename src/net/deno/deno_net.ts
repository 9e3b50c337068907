import { readFileSync } from "node:fs";
import { addressText } from "../../protocol/address.ts";
import { Ahead } from "../ahead.ts";
import { systemClock } from "../clock.ts";
import { denoError } from "./deno_error.ts";
import { BULK_SIZE, lendLarge, SMALL_SIZE, takeBack } from "./deno_buffers.ts";
import { DenoUdpSocket } from "./deno_udp.ts";
import { NetError } from "../error.ts";
import { interfaceAddrs, likelyLocalAddr, zoned } from "../kernel/host/interfaces.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import { bindWithDescriptor, lowestDescriptor } from "../kernel/sockets/datagrams.ts";
import { openLibc } from "./deno_libc.ts";
import { DescriptorReserve, noDescriptors } from "../kernel/host/descriptor_reserve.ts";
import { OwnListeners } from "../kernel/sockets/listening_sockets.ts";
import { Descriptors, resetConnection, routedLocalAddr } from "../kernel/sockets/kernel_probe.ts";
import { keepUrgent, timeProbes } from "../kernel/sockets/tcp_options.ts";
import { joinListeners } from "../joined_listener.ts";
import { relay } from "../relay.ts";
import type {
  AcceptedSocket,
  ConnectOptions,
  Leaving,
  Listener,
  ListenOptions,
  Net,
  Socket,
  SocketAddr,
  UdpSocket,
} from "../socket.ts";
import { runtimeHost, socketAddr } from "../socket_addr.ts";
import { placeSocket } from "../kernel/sockets/unix_file.ts";

/** The adapter for Deno: Deno.listen, Deno.connect and Deno.listenDatagram. */
export function denoNet(): Net {
  return {
    bindsConnections: false, // Deno.connect has no such option
    listen,
    connect,
    bindUdp,
    relay: (client, destination, options) => relay(client, destination, options, systemClock),
    localAddrFor: (host) => {
      const libc = kernel()?.libc;
      return Promise.resolve(libc ? routedLocalAddr(libc, host) : likelyLocalAddr(host));
    },
    localAddrs: interfaceAddrs,
  };
}

/** Without --unstable-net, which users of `deno run -A npm:gate46` do not set, Deno has no such call. */
async function bindUdp(addr: SocketAddr): Promise<UdpSocket> {
  if ("listenDatagram" in Deno) return DenoUdpSocket.bind(addr, kernel()?.libc);
  const { NodeUdpSocket } = await import("../node/nodejs_udp.ts");
  return await NodeUdpSocket.bind(addr);
}

interface Kernel {
  readonly libc: Libc;
  readonly descriptors: Descriptors;
  readonly listeners: OwnListeners;
}

let opened: { kernel: Kernel | undefined } | undefined;

/** libc, opened on first use, without a permission prompt. */
function kernel(): Kernel | undefined {
  if (!opened) {
    const allowed = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
    const libc = allowed ? openLibc() : undefined;
    opened = {
      kernel: libc && { libc, descriptors: new Descriptors(libc), listeners: new OwnListeners(libc) },
    };
  }
  return opened.kernel;
}

/** Deno ends the program when it needs a descriptor and none is free: `refuses` keeps some in reserve. */
function isOneTooMany(refuses: (lowest: number) => boolean): boolean {
  const libc = kernel()?.libc;
  if (!libc) return false;
  const lowest = lowestDescriptor(libc); // the next that is opened gets it (POSIX)
  return lowest < 0 || refuses(lowest);
}

let kept: DescriptorReserve | undefined;

function reserve(): DescriptorReserve {
  return kept ??= new DescriptorReserve();
}

async function listen(addr: SocketAddr, { mode, spare = false }: ListenOptions = {}): Promise<Listener> {
  try {
    if (addr.unix === undefined) {
      const listener = listenTcp(addr, spare);
      return addr.host === "::" && takesSixOnly() ? joinFour(listener, spare) : listener;
    }
    const bind = (path: string) => Deno.listen({ transport: "unix", path });
    const { socket, remove } = await placeSocket(addr.unix, { mode }, kernel()?.libc, bind);
    return new DenoListener(socket, addr, spare, remove);
  } catch (error) {
    throw denoError(error, "listen on", addressText(addr));
  }
}

/** Throws what Deno does. */
function listenTcp(addr: SocketAddr, spare: boolean): Listener {
  const access = kernel();
  const bind = (reusePort: boolean) => Deno.listen({ hostname: runtimeHost(addr), port: addr.port, reusePort });
  const addrOf = (listener: Deno.TcpListener) => ({
    ...addr,
    ...socketAddr(listener.addr.hostname, listener.addr.port),
  });
  if (!access) {
    const listener = bind(false);
    return new DenoListener(listener, addrOf(listener), spare);
  }
  const { libc, listeners } = access;
  return listeners.open(addr, (shared) => {
    const [listener, fd] = bindWithDescriptor(libc, () => bind(shared), addrOf);
    const forget = () => void (fd !== undefined && listeners.forget(fd));
    return [new DenoListener(listener, addrOf(listener), spare, forget), fd];
  })[0];
}

/** True if :: excludes IPv4 (ipv6(7), net.ipv6.bindv6only): Deno does not set it. */
function takesSixOnly(): boolean {
  try {
    return readFileSync("/proc/sys/net/ipv6/bindv6only", "latin1").trim() === "1";
  } catch {
    return false;
  }
}

/** Throws what Deno does. */
function joinFour(listener: Listener, spare: boolean): Listener {
  try {
    return joinListeners(listener, listenTcp({ host: "0.0.0.0", port: listener.addr.port }, spare));
  } catch (error) {
    listener.close();
    throw error;
  }
}

async function connect(addr: SocketAddr, { cut }: ConnectOptions = {}): Promise<Socket> {
  const access = kernel();
  const lowest = access ? lowestDescriptor(access.libc) : 0;
  try {
    const options = { hostname: runtimeHost(addr), port: addr.port, ...(cut && { signal: cut.signal }) };
    const conn = await Deno.connect(options);
    if (isOneTooMany((lowest) => reserve().refuses(lowest))) {
      conn.close();
      throw noDescriptors(`connect to ${addressText(addr)}`);
    }
    const socket = new DenoSocket(conn, addr);
    if (access) socket.found(access, access.descriptors.findNear(socket.localAddr, socket.remoteAddr, lowest));
    return socket;
  } catch (error) {
    if (error instanceof NetError) throw error;
    if (cut?.made) throw new NetError("aborted", `Cannot connect to ${addressText(addr)}: given up`);
    throw denoError(error, "connect to", addressText(addr));
  }
}

/** Maximum consecutive accept errors by resets: the length of the queue (net.core.somaxconn). Beyond it, the listener itself fails. */
const MOST_GONE = 4_096;

/** Undefined of a unix socket. */
function denoAddr(addr: Deno.Addr): SocketAddr | undefined {
  return "hostname" in addr ? socketAddr(addr.hostname, addr.port) : undefined;
}

class DenoListener implements Listener {
  readonly addr: SocketAddr;
  readonly #listener: Deno.Listener;
  readonly #spare: boolean;
  readonly #remove: () => void;
  #closed = false;

  /** `remove` removes its file. */
  constructor(listener: Deno.Listener, addr: SocketAddr, spare: boolean, remove = () => {}) {
    this.#listener = listener;
    this.#spare = spare;
    this.addr = addr;
    this.#remove = remove;
  }

  async accept(): Promise<AcceptedSocket | null> {
    for (let gone = 0; !this.#closed; gone++) {
      try {
        const conn = await this.#listener.accept();
        const refuses = (fd: number) => this.#spare ? reserve().refuses(fd) : reserve().refusesClient(fd);
        if (!isOneTooMany(refuses)) return new DenoSocket(conn, this.addr);
        conn.close();
        throw noDescriptors(`accept on ${addressText(this.addr)}`);
      } catch (error) {
        if (this.#closed) break;
        const failure = error instanceof NetError ? error : denoError(error, "accept on", addressText(this.addr));
        if (failure.kind !== "closed" || gone === MOST_GONE) throw failure;
        // ENOTCONN: reset while it waited, which concerns that connection only.
      }
    }
    return null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#remove();
    this.#listener.close();
  }
}

class DenoSocket implements AcceptedSocket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #conn: Deno.Conn;
  readonly #small = new Uint8Array(SMALL_SIZE);
  #large: Uint8Array<ArrayBuffer> | undefined;
  #lastSize = 0;
  #reading = false;
  #ahead: Ahead | undefined;
  #closed = false;
  /** If known: the search takes time. */
  #fd: number | undefined;
  /** Reset by the peer: no descriptor has its addresses any more. */
  #reset = false;

  /** That came by, or went to, `by`, which is how both ends of a unix socket are called. */
  constructor(conn: Deno.Conn, by: SocketAddr) {
    this.#conn = conn;
    this.localAddr = zoned(denoAddr(conn.localAddr) ?? by);
    this.remoteAddr = denoAddr(conn.remoteAddr) ?? by;
    this.#option((tcp) => tcp.setNoDelay(true));
  }

  /** Set for dialled sockets; accepted ones inherit it. */
  found({ libc }: Kernel, fd: number | undefined): void {
    this.#fd = fd;
    if (fd !== undefined) keepUrgent(libc, fd);
  }

  read(): Promise<Uint8Array | null> {
    return this.#ahead && !this.#closed ? this.#ahead.read() : this.#receive();
  }

  onLeft(left: (how: Leaving) => void): () => void {
    this.#ahead ??= new Ahead(() => this.#receive());
    return this.#ahead.onLeft(left);
  }

  async #receive(): Promise<Uint8Array | null> {
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
      // Closed already, here or by the peer.
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
    const access = this.remoteAddr.unix === undefined && !this.#reset ? kernel() : undefined;
    const fd = this.#fd ?? access?.descriptors.find(this.localAddr, this.remoteAddr);
    if (access && fd !== undefined) resetConnection(access.libc, fd);
    this.close();
  }

  /** Deno would leave the start to the kernel: two hours. */
  keepAlive(): void {
    if (this.#closed) return;
    const access = kernel();
    if (access && this.#fd !== undefined) timeProbes(access.libc, this.#fd);
    this.#option((tcp) => tcp.setKeepAlive(true));
  }

  /** Fails if the peer has reset the connection already, which the next read reports. */
  #option(set: (tcp: Deno.TcpConn) => void): void {
    if (this.remoteAddr.unix !== undefined) return;
    try {
      set(this.#conn as Deno.TcpConn);
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
    const failure = denoError(error, verb, addressText(this.remoteAddr));
    if (failure.kind === "reset") this.#reset = true;
    return failure;
  }
}
