import { NetError } from "../../error.ts";
import { addressText } from "../../../protocol/address.ts";
import { EPOLLIN, IPPROTO_IPV6, MSG_DONTWAIT, SO_MARK, SOL_SOCKET } from "../../kernel/libc/abi.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import { encodeSockaddr } from "../../kernel/libc/sockaddr.ts";
import { filterProgram, type Instruction } from "../../kernel/sockets/filter_program.ts";
import { setOption } from "../../kernel/sockets/socket_option.ts";
import type { SocketAddr } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import type { Watcher } from "../engine/poller.ts";
import type { LinuxSocket } from "../tcp_socket.ts";
import { HeldSocket, type Holder } from "./held_socket.ts";
import { type Packet, resetOf, sumTcp, tcpEnds, type Unreachable, unreachable } from "./ip_packet.ts";

/** The mark of allowed connection requests: nf_tables drops those without it. */
export const LET_IN_MARK = 0x46;

/** The mark of the gate's own process: its requests are neither held nor taken. */
export const SENT_IN_MARK = 0x47;

/** Sockets in the gated network, set up by the process that owns it. */
export interface GateSockets {
  /** AF_PACKET, SOCK_DGRAM. */
  readonly packet: number;
  /** SOCK_RAW, IPPROTO_RAW, of each family. */
  readonly raw4: number;
  readonly raw6: number;
}

/** Time for an allowed connection to complete (ms). */
const OPEN_MS = 5_000;

const SO_ATTACH_FILTER = 26, SOL_PACKET = 263, PACKET_IGNORE_OUTGOING = 23, IPV6_HDRINCL = 36;
const MAX_SYN = 4_096, MAX_BURST = 64;

/** The packet for each reply of RFC 1928 s6, if it is not a reset. */
const told: Readonly<Record<number, Unreachable>> = {
  2: { four: 13, six: 1 }, // communication is prohibited
  3: { four: 0, six: 0 },
  4: { four: 1, six: 3 },
  8: { four: 0, six: 0 },
};
const TIMED_OUT = 6;

/**
 * Classic BPF (linux/filter.h) over what a SOCK_DGRAM packet socket sees: IPv4 and IPv6 packets of TCP with SYN and without ACK
 * that bear neither mark.
 */
const filter: readonly Instruction[] = [
  [0x20, 0, 0, 0xfffff000 + 20], // the mark
  [0x15, 17, 0, LET_IN_MARK],
  [0x15, 16, 0, SENT_IN_MARK],
  [0x30, 0, 0, 0], // the version
  [0x54, 0, 0, 0xf0],
  [0x15, 0, 6, 0x40],
  [0x30, 0, 0, 9], // IPv4: the protocol
  [0x15, 0, 11, 6],
  [0xb1, 0, 0, 0], // the size of the header
  [0x50, 0, 0, 13], // the flags
  [0x54, 0, 0, 0x12],
  [0x15, 6, 7, 2],
  [0x15, 0, 6, 0x60],
  [0x30, 0, 0, 6], // IPv6: the next header
  [0x15, 0, 4, 6],
  [0x30, 0, 0, 53], // the flags
  [0x54, 0, 0, 0x12],
  [0x15, 0, 1, 2],
  [0x06, 0, 0, MAX_SYN],
  [0x06, 0, 0, 0],
];

interface Held {
  readonly syn: Packet;
  /** Set once it is allowed. */
  opened?: (socket: LinuxSocket) => void;
}

/**
 * Holds connection requests until their outcome is known: then connect(2) succeeds, or fails with the errno that it
 * would have without a gateway.
 */
export class SynGate implements Watcher {
  readonly #engine: Engine;
  readonly #sockets: GateSockets;
  readonly #isHeld: (to: SocketAddr) => boolean;
  readonly #arrived: (socket: HeldSocket) => void;
  readonly #held = new Map<string, Held>();
  readonly #buffer = new Uint8Array(MAX_SYN);

  /** `arrived` gets each request for which `isHeld` is true. Throws NetError. */
  constructor(
    engine: Engine,
    sockets: GateSockets,
    isHeld: (to: SocketAddr) => boolean,
    arrived: (socket: HeldSocket) => void,
  ) {
    this.#engine = engine;
    this.#sockets = sockets;
    this.#isHeld = isHeld;
    this.#arrived = arrived;
    const { libc } = engine, { packet, raw4, raw6 } = sockets;
    this.#filter();
    const set = setOption(libc, packet, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) &&
      setOption(libc, raw4, SOL_SOCKET, SO_MARK, LET_IN_MARK) &&
      setOption(libc, raw6, SOL_SOCKET, SO_MARK, LET_IN_MARK) &&
      setOption(libc, raw6, IPPROTO_IPV6, IPV6_HDRINCL, 1);
    if (!set) throw errnoError(libc.errno(), "hold", "connections");
    engine.poller.watch(packet, this, EPOLLIN);
  }

  /** Gives an accepted connection to its waiter; false without one. */
  take(socket: LinuxSocket): boolean {
    const held = this.#held.get(keyOf(socket.remoteAddr, socket.localAddr));
    if (!held?.opened) return false;
    held.opened(socket);
    return true;
  }

  ready(): void {
    const { libc } = this.#engine;
    for (let i = 0; i < MAX_BURST; i++) {
      const size = libc.recv(this.#sockets.packet, this.#buffer, MAX_SYN, MSG_DONTWAIT);
      if (size <= 0) return;
      this.#hold(this.#buffer.slice(0, size));
    }
  }

  #hold(syn: Packet): void {
    const ends = tcpEnds(syn);
    if (!ends || !this.#isHeld(ends.to)) return;
    const key = keyOf(ends.from, ends.to);
    if (this.#held.has(key)) return; // asked again
    const held: Held = { syn };
    this.#held.set(key, held);
    const holder: Holder = {
      open: () => this.#open(key, held, ends.to),
      refuse: (reply) => this.#refuse(key, held, reply),
    };
    this.#arrived(new HeldSocket(ends.from, ends.to, holder));
  }

  #open(key: string, held: Held, to: SocketAddr): Promise<LinuxSocket> {
    return new Promise((resolve, reject) => {
      const cancel = this.#engine.timers.after(OPEN_MS, () => {
        this.#held.delete(key);
        reject(
          new NetError("timed-out", `Cannot open the connection to ${addressText(to)}: it is not wanted any more`),
        );
      });
      held.opened = (socket) => {
        cancel();
        this.#held.delete(key);
        resolve(socket);
      };
      sumTcp(held.syn);
      this.#send(held.syn, to);
    });
  }

  #refuse(key: string, { syn }: Held, reply: number): void {
    this.#held.delete(key);
    if (reply === TIMED_OUT) return; // as one hears nothing
    const { from } = tcpEnds(syn)!, code = told[reply];
    this.#send(code ? unreachable(syn, code) : resetOf(syn), from);
  }

  #send(packet: Packet, to: SocketAddr): void {
    const { raw4, raw6 } = this.#sockets, name = encodeSockaddr({ host: to.host, port: 0 });
    const socket = to.host.includes(":") ? raw6 : raw4;
    this.#engine.libc.sendto(socket, packet, packet.length, MSG_DONTWAIT, name, name.length); // else it is asked for again
  }

  #filter(): void {
    const { libc } = this.#engine;
    const { program, held } = filterProgram(libc, filter);
    const set = libc.setsockopt(this.#sockets.packet, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length);
    void held;
    if (set < 0) throw errnoError(libc.errno(), "hold", "connections");
  }
}

function keyOf(from: SocketAddr, to: SocketAddr): string {
  return `${from.host} ${from.port} ${to.host} ${to.port}`;
}
