import { parseIp } from "../../../protocol/address.ts";
import { EPOLLIN, IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT } from "../../kernel/libc/abi.ts";
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from "../../kernel/libc/sockaddr.ts";
import { setOption } from "../../kernel/sockets/socket_option.ts";
import { HEADER_SIZE, SIZE_AT } from "../../kernel/libc/message_headers.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import type { Watcher } from "../engine/poller.ts";
import { datagramPacket } from "./ip_packet.ts";

/** Called for each datagram; the view of its octets is valid during the call. */
export type TakeDatagram = (bytes: Uint8Array, from: SocketAddr, to: SocketAddr) => void;

const MESSAGES = 32, MAX_SIZE = 64 << 10, NAME_SIZE = 32, CONTROL_SIZE = 64, MAX_ROUNDS = 8;
const IP_RECVORIGDSTADDR = 20, IPV6_RECVORIGDSTADDR = 74, IPV6_HDRINCL = 36;

/** Receives datagrams for any address, by a socket with IP_TRANSPARENT and IP_RECVORIGDSTADDR. */
export class TransparentDatagrams implements Watcher {
  readonly #make: () => Reading;
  /** It needs 2 MiB, which programs that send none need not wait for. */
  #reading: Reading | undefined;

  /** Throws NetError. */
  constructor(engine: Engine, fd: number, six: boolean, take: TakeDatagram) {
    this.#make = () => new Reading(engine, fd, six, take);
    engine.poller.watch(fd, this, EPOLLIN);
  }

  ready(): void {
    this.#reading ??= this.#make();
    this.#reading.readAll();
  }
}

class Reading {
  readonly #engine: Engine;
  readonly #fd: number;
  readonly #take: TakeDatagram;
  readonly #kind: readonly [level: number, type: number];
  readonly #names = new Uint8Array(MESSAGES * NAME_SIZE);
  readonly #controls = new Uint8Array(MESSAGES * CONTROL_SIZE);
  readonly #data = new Uint8Array(MESSAGES * MAX_SIZE);
  readonly #iovecs = new BigUint64Array(2 * MESSAGES);
  readonly #headers = new Uint8Array(MESSAGES * HEADER_SIZE);
  readonly #control = new DataView(this.#controls.buffer);
  readonly #header = new DataView(this.#headers.buffer);

  constructor(engine: Engine, fd: number, six: boolean, take: TakeDatagram) {
    this.#engine = engine;
    this.#fd = fd;
    this.#take = take;
    this.#kind = six ? [IPPROTO_IPV6, IPV6_RECVORIGDSTADDR] : [IPPROTO_IP, IP_RECVORIGDSTADDR];
    const { libc } = engine, header = new BigUint64Array(this.#headers.buffer);
    const [names, controls, data, iovecs] = [this.#names, this.#controls, this.#data, this.#iovecs]
      .map(({ buffer }) => libc.addressOf(buffer)) as [number, number, number, number];
    for (let i = 0; i < MESSAGES; i++) {
      this.#iovecs[2 * i] = BigInt(data + i * MAX_SIZE);
      this.#iovecs[2 * i + 1] = BigInt(MAX_SIZE);
      const at = i * HEADER_SIZE / 8;
      header[at] = BigInt(names + i * NAME_SIZE);
      header[at + 2] = BigInt(iovecs + 16 * i);
      header[at + 3] = 1n;
      header[at + 4] = BigInt(controls + i * CONTROL_SIZE);
    }
  }

  readAll(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (let i = 0; i < MESSAGES; i++) { // the kernel writes into the sizes
        this.#header.setUint32(i * HEADER_SIZE + 8, SOCKADDR_SIZE, true);
        this.#header.setUint32(i * HEADER_SIZE + 40, CONTROL_SIZE, true);
      }
      const count = this.#engine.libc.recvmmsg(this.#fd, this.#headers, MESSAGES, MSG_DONTWAIT, null);
      for (let i = 0; i < count; i++) this.#read(i);
      if (count < MESSAGES) return;
    }
  }

  #read(i: number): void {
    const from = decodeSockaddr(this.#names.slice(i * NAME_SIZE, i * NAME_SIZE + SOCKADDR_SIZE));
    const to = this.#destination(i);
    if (!from || !to) return;
    const size = this.#header.getUint32(i * HEADER_SIZE + SIZE_AT, true);
    this.#take(this.#data.subarray(i * MAX_SIZE, i * MAX_SIZE + size), from, to);
  }

  /** The original destination of the message (cmsg(3)). */
  #destination(i: number): SocketAddr | undefined {
    const [level, type] = this.#kind, base = i * CONTROL_SIZE;
    const end = Math.min(CONTROL_SIZE, this.#header.getUint32(i * HEADER_SIZE + 40, true));
    for (let at = 0; at + 16 <= end;) {
      const size = this.#control.getUint32(base + at, true);
      if (size < 16) return undefined;
      if (
        this.#control.getInt32(base + at + 8, true) === level && this.#control.getInt32(base + at + 12, true) === type
      ) {
        const name = new Uint8Array(SOCKADDR_SIZE);
        name.set(this.#controls.subarray(base + at + 16, base + at + Math.min(size, 16 + SOCKADDR_SIZE)));
        return decodeSockaddr(name);
      }
      at += Math.ceil(size / 8) * 8;
    }
    return undefined;
  }
}

/** Sends datagrams that come from any address, by raw sockets (IPPROTO_RAW) of each family. */
export class RawDatagrams {
  readonly #libc: Libc;
  readonly #raw4: number;
  readonly #raw6: number;

  constructor(libc: Libc, raw4: number, raw6: number) {
    this.#libc = libc;
    this.#raw4 = raw4;
    this.#raw6 = raw6;
    setOption(libc, raw6, IPPROTO_IPV6, IPV6_HDRINCL, 1);
  }

  /** A socket that sends from `addr`, and receives nothing. */
  from(addr: SocketAddr): UdpSocket {
    const octets = parseIp(addr.host)!;
    const send = ({ bytes, addr: to }: Datagram) => {
      const target = parseIp(to.host)!;
      if (target.length !== octets.length) return 1;
      const packet = datagramPacket({ octets, port: addr.port }, { octets: target, port: to.port }, bytes);
      const name = encodeSockaddr({ host: to.host, port: 0 });
      const fd = octets.length === 16 ? this.#raw6 : this.#raw4;
      return this.#libc.sendto(fd, packet, packet.length, MSG_DONTWAIT, name, name.length) < 0 ? 1 : 0;
    };
    return {
      addr,
      send: (batch) => Promise.resolve(batch.reduce((lost, datagram) => lost + send(datagram), 0)),
      receive: () => Promise.resolve(null),
      close() {},
    };
  }
}
