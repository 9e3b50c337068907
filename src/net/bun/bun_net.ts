/// <reference types="bun-types" />
import { addressText } from "../../protocol/address.ts";
import { connectFrom } from "./bun_outgoing.ts";
import { bunRelay } from "./bun_relay.ts";
import { bunHandlers, BunSocket, type Opening } from "./bun_socket.ts";
import { BunUdpSocket } from "./bun_udp.ts";
import { systemClock } from "../clock.ts";
import { NetError, netError } from "../error.ts";
import { interfaceAddrs, likelyLocalAddr } from "../kernel/host/interfaces.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import { DescriptorReserve, noDescriptors } from "../kernel/host/descriptor_reserve.ts";
import { openLibc } from "./bun_libc.ts";
import { OwnListeners } from "../kernel/sockets/listening_sockets.ts";
import { keepUrgent } from "../kernel/sockets/tcp_options.ts";
import { connectFailure, routedLocalAddr } from "../kernel/sockets/kernel_probe.ts";
import { relay } from "../relay.ts";
import type { AcceptedSocket, ConnectOptions, Listener, ListenOptions, Net, Socket, SocketAddr } from "../socket.ts";
import { runtimeHost, socketAddr } from "../socket_addr.ts";
import { placeSocket } from "../kernel/sockets/unix_file.ts";

/** The adapter for Bun: Bun.listen, Bun.connect and Bun.udpSocket. */
export function bunNet(): Net {
  let libc: Libc | undefined;
  void kernel().then((opened) => libc = opened);
  return {
    bindsConnections: true,
    listen,
    connect,
    async bindUdp(addr) {
      reserve().check(`bind UDP ${addressText(addr)}`);
      return await BunUdpSocket.bind(addr);
    },
    relay: (client, destination, options) =>
      client instanceof BunSocket && destination instanceof BunSocket
        ? bunRelay(client, destination, options, libc)
        : relay(client, destination, options, systemClock),
    localAddrFor: async (host) => {
      const libc = await kernel();
      return libc ? routedLocalAddr(libc, host) : likelyLocalAddr(host);
    },
    localAddrs: interfaceAddrs,
  };
}

/** bun-types forgets the descriptor. */
type BunTcpListener = Bun.TCPSocketListener<BunSocket | Opening> & { readonly fd: number };

/** bun-types knows handlers of Buffers only. */
const handlers = bunHandlers as unknown as Bun.SocketHandler<BunSocket | Opening>;

let kept: DescriptorReserve | undefined;

/** Bun's accept loop spins when no descriptor is left (oven-sh/bun#32705), so some are reserved. */
function reserve(): DescriptorReserve {
  return kept ??= new DescriptorReserve();
}

let opened: Promise<Libc | undefined> | undefined;

/** libc, opened when first needed. */
function kernel(): Promise<Libc | undefined> {
  return opened ??= openLibc();
}

let own: OwnListeners | undefined;

async function listen(addr: SocketAddr, { mode }: ListenOptions = {}): Promise<Listener> {
  const listener = new BunListener();
  const libc = await kernel();
  try {
    const common = { allowHalfOpen: true, socket: handlers };
    const opened = (socket: BunSocket) => listener.onOpen(socket);
    if (addr.unix === undefined) {
      const data: Opening = { opened };
      const attach = (reusePort: boolean) => {
        const options = { ...common, data, hostname: runtimeHost(addr), port: addr.port, ...{ reusePort } }; // bun-types does not know
        const tcp = Bun.listen(options) as BunTcpListener;
        listener.attach(tcp, socketAddr(tcp.hostname, tcp.port), () => own?.forget(tcp.fd));
        return [listener, tcp.fd] as const;
      };
      if (libc) (own ??= new OwnListeners(libc)).open(addr, attach);
      else attach(false);
    } else {
      const data: Opening = { localAddr: addr, remoteAddr: addr, opened };
      const bind = (unix: string) => Bun.listen({ ...common, data, unix });
      const { socket, remove } = await placeSocket(addr.unix, { mode }, libc, bind);
      listener.attach(socket, addr, remove);
    }
  } catch (error) {
    throw netError(error, "listen on", addressText(addr));
  }
  return listener;
}

async function connect(addr: SocketAddr, { cut, localAddr, freeBind }: ConnectOptions = {}): Promise<Socket> {
  const givenUp = () => new NetError("aborted", `Cannot connect to ${addressText(addr)}: given up`);
  const libc = await kernel();
  if (cut?.made) throw givenUp();
  const startedAt = systemClock.now();
  let release: (() => void) | undefined;
  try {
    return await new Promise<Socket>((resolve, reject) => {
      let callOff = () => {};
      release = cut?.on(() => {
        reject(givenUp());
        callOff();
      });
      const opened = (socket: BunSocket) => {
        if (libc) keepUrgent(libc, socket.tcp.fd);
        const full = reserve().refuses(socket.tcp.fd);
        if (full || cut?.made) socket.close();
        if (full) reject(noDescriptors(`connect to ${addressText(addr)}`));
        else resolve(socket);
      };
      if (libc && localAddr !== undefined) {
        callOff = connectFrom(libc, { localAddr, freeBind }, addr, opened, reject);
        return;
      }
      const opening: Opening = { remoteAddr: addr, opened };
      const from = localAddr === undefined ? {} : { localAddress: localAddr }; // which bun-types does not know
      const options = { hostname: runtimeHost(addr), port: addr.port, allowHalfOpen: true, data: opening, ...from };
      Bun.connect({ ...options, socket: handlers }).catch(reject);
    });
  } catch (error) {
    throw await trueError(netError(error, "connect to", addressText(addr)), addr, systemClock.now() - startedAt);
  } finally {
    release?.();
  }
}

/**
 * Bun reports every failed connect as refused (oven-sh/bun#37093, oven-sh/bun#39579), so on Linux the kernel is asked
 * again. A refusing host takes about as long the second time; a silent one did not refuse.
 */
async function trueError(error: NetError, addr: SocketAddr, elapsedMs: number): Promise<NetError> {
  const libc = error.kind === "refused" ? await kernel() : undefined;
  if (!libc) return error;
  const kind = await connectFailure(libc, addr, Math.min(Math.max(200, 2 * elapsedMs), 1_000));
  return kind === "refused" ? error : new NetError(kind, `Cannot connect to ${addressText(addr)}: ${kind}`);
}

class BunListener implements Listener {
  addr: SocketAddr = { host: "0.0.0.0", port: 0 };
  #listener: Bun.SocketListener<BunSocket | Opening> | undefined;
  #remove = () => {};
  readonly #queue: AcceptedSocket[] = [];
  #accepter: { resolve(socket: AcceptedSocket | null): void; reject(error: NetError): void } | undefined;
  #failure: NetError | undefined;
  #closed = false;

  /** `remove` removes its file. */
  attach(listener: Bun.SocketListener<BunSocket | Opening>, addr: SocketAddr, remove = () => {}): void {
    this.#listener = listener;
    this.addr = addr;
    this.#remove = remove;
  }

  accept(): Promise<AcceptedSocket | null> {
    const socket = this.#queue.shift();
    if (socket) return Promise.resolve(socket);
    if (this.#closed) return Promise.resolve(null);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) return Promise.reject(failure);
    return new Promise((resolve, reject) => this.#accepter = { resolve, reject });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#remove();
    this.#listener?.stop();
    for (const socket of this.#queue.splice(0)) socket.close();
    this.#takeAccepter()?.resolve(null);
  }

  onOpen(socket: BunSocket): void {
    // Bun has no address of a peer that has left already, so its address would be wrong.
    const gone = socket.remoteAddr.port === 0 && this.addr.unix === undefined;
    if (this.#closed || gone) return socket.close();
    const accepter = this.#takeAccepter();
    if (!reserve().refusesClient(socket.tcp.fd)) {
      if (accepter) accepter.resolve(socket);
      else this.#queue.push(socket);
      return;
    }
    socket.close();
    const failure = noDescriptors(`accept on ${addressText(this.addr)}`);
    if (accepter) accepter.reject(failure);
    else this.#failure = failure;
  }

  #takeAccepter() {
    const accepter = this.#accepter;
    this.#accepter = undefined;
    return accepter;
  }
}
