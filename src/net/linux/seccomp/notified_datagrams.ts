import { IPPROTO_UDP, UDP_SEGMENT } from "../../kernel/libc/abi.ts";
import { EMSGSIZE } from "../../kernel/libc/errno.ts";
import { nameOf } from "../../kernel/sockets/kernel_probe.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { encodeSockaddr } from "../../kernel/libc/sockaddr.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import type { TakeDatagram } from "../transparent/transparent_datagrams.ts";
import { LinuxUdpSocket } from "../udp_socket.ts";
import { nameFor } from "./sockets/socket_names.ts";

const MAX_PAYLOAD = 65_507;

/** Maximum addresses; beyond it the least recently used one is dropped. */
const MOST_RELAYS = 1_024;

/** A relay that stands for a destination of the program: datagrams from it appear to come from that destination. */
interface Relay {
  readonly socket: UdpSocket;
  readonly to: SocketAddr;
  /** Ports of the program's sockets connected to it; datagrams of others are ignored. */
  readonly ports: Set<number>;
}

/**
 * Datagrams that a program sends. Those with an address are read from its memory; a connected socket is connected to a relay on
 * loopback. Answers come from a relay per address, so that the program can be told the source.
 */
export class NotifiedDatagrams {
  readonly #engine: Engine;
  readonly #libc: Libc;
  readonly #take: TakeDatagram;
  readonly #loopback6: string;
  /** By the address that it stands for, and the family of the program's socket; the one used last is the last. */
  readonly #relays = new Map<string, Relay>();
  /** By its own address. */
  readonly #byOwn = new Map<string, Relay>();

  /** `hasLoopback6`: whether this host has ::1. */
  constructor(engine: Engine, hasLoopback6: boolean, take: TakeDatagram) {
    this.#engine = engine;
    this.#libc = engine.libc;
    this.#take = take;
    this.#loopback6 = hasLoopback6 ? "::1" : "127.0.0.1";
  }

  /** Connects `fd`, of the program's socket, to what stands for `to`; the errno where it fails. Throws NetError. */
  connect(fd: number, six: boolean, to: SocketAddr): number {
    const relay = this.#relay(to, six && this.#loopback6 === "::1");
    const name = nameFor(relay.socket.addr, six);
    if (this.#libc.connect(fd, name, name.length) < 0) return this.#libc.errno();
    relay.ports.add(nameOf(this.#libc.getsockname, fd)!.port);
    return 0;
  }

  /** Sends as sendto(2) would; the errno where it fails. */
  send(fd: number, six: boolean, payload: Uint8Array, to: SocketAddr, control?: Uint8Array): number {
    const segment = control ? segmentSize(control) : 0;
    if (payload.length > MAX_PAYLOAD) return EMSGSIZE;
    const from = this.#ownName(fd, six);
    if (typeof from === "number") return from;
    if (segment === 0 || payload.length <= segment) this.#take(payload, from, to);
    else for (let at = 0; at < payload.length; at += segment) this.#take(payload.subarray(at, at + segment), from, to);
    return 0;
  }

  /** What sends to programs as if from `addr`. */
  from(addr: SocketAddr): UdpSocket {
    const send = ({ bytes, addr: to }: Datagram) =>
      this.#relay(addr, to.host.includes(":")).socket.send([{ bytes, addr: to }]);
    return {
      addr,
      send: async (batch) => (await Promise.all(batch.map(send))).reduce((lost, of) => lost + of, 0),
      receive: () => Promise.resolve(null),
      close() {},
    };
  }

  /** Which address `relay`, as a program sees it, stands for; undefined where it is another's. */
  standsFor(relay: SocketAddr): SocketAddr | undefined {
    return this.#byOwn.get(keyOf(relay))?.to;
  }

  /** The address at which answers reach the program's socket, which is bound if necessary; an errno on failure. */
  #ownName(fd: number, six: boolean): SocketAddr | number {
    let own = nameOf(this.#libc.getsockname, fd);
    if (own?.port === 0) {
      const any = six && own.host.includes(":")
        ? encodeSockaddr({ ...own, port: 0 })
        : nameFor({ ...own, port: 0 }, six);
      if (this.#libc.bind(fd, any, any.length) < 0) return this.#libc.errno();
      own = nameOf(this.#libc.getsockname, fd);
    }
    if (!own) return this.#libc.errno();
    if (own.host === "0.0.0.0") return { host: "127.0.0.1", port: own.port };
    return own.host === "::" ? { host: this.#loopback6, port: own.port } : own;
  }

  /** Throws NetError. */
  #relay(to: SocketAddr, six: boolean): Relay {
    const key = `${keyOf(to)} ${six}`, known = this.#relays.get(key);
    if (known) {
      this.#relays.delete(key);
      this.#relays.set(key, known);
      return known;
    }
    if (this.#relays.size >= MOST_RELAYS) this.#letGo(this.#relays.keys().next().value!);
    const socket = new LinuxUdpSocket(this.#engine, { host: six ? "::1" : "127.0.0.1", port: 0 });
    const relay = { socket, to, ports: new Set<number>() };
    this.#relays.set(key, relay);
    this.#byOwn.set(keyOf(socket.addr), relay);
    void this.#pump(relay);
    return relay;
  }

  #letGo(key: string): void {
    const { socket } = this.#relays.get(key)!;
    this.#relays.delete(key);
    this.#byOwn.delete(keyOf(socket.addr));
    socket.close();
  }

  async #pump({ socket, to, ports }: Relay): Promise<void> {
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      for (const { bytes, addr } of batch) if (ports.has(addr.port)) this.#take(bytes, addr, to);
    }
  }
}

/** Of one datagram of many in a message (UDP_SEGMENT, udp(7)); 0 where it is one. */
function segmentSize(control: Uint8Array): number {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  for (let at = 0; at + 18 <= control.length;) {
    const size = view.getUint32(at, true);
    if (size < 16) return 0;
    if (view.getInt32(at + 8, true) === IPPROTO_UDP && view.getInt32(at + 12, true) === UDP_SEGMENT) {
      return view.getUint16(at + 16, true);
    }
    at += Math.ceil(size / 8) * 8;
  }
  return 0;
}

function keyOf({ host, port }: SocketAddr): string {
  return `${host} ${port}`;
}
