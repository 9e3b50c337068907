import { octetsAddress } from "../../../protocol/address.ts";
import type { SocketAddr } from "../../socket.ts";

/** Packets as raw sockets have them: IPv4 and IPv6 headers (RFC 791 s3.1, RFC 8200 s3), TCP, UDP and ICMP behind them. */

export type Packet = Uint8Array<ArrayBuffer>;

const TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58;
const HEADER4 = 20, HEADER6 = 40, TTL = 64;

/** ICMP (RFC 792) and ICMPv6 (RFC 4443 s3.1) "destination unreachable" with its code. */
export interface Unreachable {
  readonly four: number;
  readonly six: number;
}

function isSix(packet: Packet): boolean {
  return packet[0]! >> 4 === 6;
}

/** Offset behind the IP header. */
function payloadAt(packet: Packet): number {
  return isSix(packet) ? HEADER6 : (packet[0]! & 15) * 4;
}

/** Source and destination of a TCP packet; undefined if it is truncated or not TCP. */
export function tcpEnds(packet: Packet): { readonly from: SocketAddr; readonly to: SocketAddr } | undefined {
  if (packet.length < HEADER4 || packet.length < payloadAt(packet) + 20) return undefined;
  const six = isSix(packet), at = payloadAt(packet);
  if (packet[six ? 6 : 9] !== TCP) return undefined;
  const port = (at: number) => (packet[at]! << 8) | packet[at + 1]!;
  const [from, to] = six
    ? [packet.subarray(8, 24), packet.subarray(24, 40)]
    : [packet.subarray(12, 16), packet.subarray(16, 20)];
  return { from: octetsAddress(from, port(at)), to: octetsAddress(to, port(at + 2)) };
}

/** Completes the checksum of TCP that never left this host. */
export function sumTcp(packet: Packet): void {
  writeSum(packet, payloadAt(packet), 16, TCP);
}

/** The RST that answers a SYN to a closed port (RFC 9293 s3.10.7.1). */
export function resetOf(syn: Packet): Packet {
  const { packet, at } = answerTo(syn, 20, TCP), asked = payloadAt(syn), view = new DataView(packet.buffer);
  const RST_ACK = 0x14, WORDS = 5;
  packet.set(syn.subarray(asked + 2, asked + 4), at);
  packet.set(syn.subarray(asked, asked + 2), at + 2);
  view.setUint32(at + 8, new DataView(syn.buffer, syn.byteOffset).getUint32(asked + 4) + 1);
  packet[at + 12] = WORDS << 4;
  packet[at + 13] = RST_ACK;
  writeSum(packet, at, 16, TCP);
  return packet;
}

/** The ICMP message "unreachable" for the sender of `syn`. */
export function unreachable(syn: Packet, code: Unreachable): Packet {
  const QUOTED = 100, UNREACHABLE4 = 3, UNREACHABLE6 = 1, quoted = syn.subarray(0, QUOTED);
  const protocol = isSix(syn) ? ICMPV6 : ICMP;
  const { packet, at } = answerTo(syn, 8 + quoted.length, protocol);
  packet[at] = isSix(syn) ? UNREACHABLE6 : UNREACHABLE4;
  packet[at + 1] = isSix(syn) ? code.six : code.four;
  packet.set(quoted, at + 8);
  writeSum(packet, at, 2, protocol);
  return packet;
}

/** A datagram between any two addresses of one family, given as octets and a port. */
export function datagramPacket(
  from: { readonly octets: Uint8Array; readonly port: number },
  to: { readonly octets: Uint8Array; readonly port: number },
  payload: Uint8Array,
): Packet {
  const size = 8 + payload.length;
  const { packet, at } = headed(from.octets, to.octets, size, UDP), view = new DataView(packet.buffer);
  view.setUint16(at, from.port);
  view.setUint16(at + 2, to.port);
  view.setUint16(at + 4, size);
  packet.set(payload, at + 8);
  if (isSix(packet)) writeSum(packet, at, 6, UDP); // IPv4's may be left out (RFC 768), which costs nothing
  if (isSix(packet) && view.getUint16(at + 6) === 0) view.setUint16(at + 6, 0xffff);
  return packet;
}

/** An empty packet with `size` octets behind the header, from the destination of `packet`. */
function answerTo(packet: Packet, size: number, protocol: number): { packet: Packet; at: number } {
  return isSix(packet)
    ? headed(packet.subarray(24, 40), packet.subarray(8, 24), size, protocol)
    : headed(packet.subarray(16, 20), packet.subarray(12, 16), size, protocol);
}

function headed(from: Uint8Array, to: Uint8Array, size: number, protocol: number): { packet: Packet; at: number } {
  const six = from.length === 16, at = six ? HEADER6 : HEADER4;
  const packet = new Uint8Array(at + size), view = new DataView(packet.buffer);
  if (six) {
    packet[0] = 0x60;
    view.setUint16(4, size);
    packet[6] = protocol;
    packet[7] = TTL;
  } else { // its checksum is the kernel's (raw(7))
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet[8] = TTL;
    packet[9] = protocol;
  }
  packet.set(from, six ? 8 : 12);
  packet.set(to, six ? 24 : 16);
  return { packet, at };
}

/** The checksum from `at`, with the pseudo-header if the protocol has one (RFC 9293 s3.1, RFC 8200 s8.1). */
function writeSum(packet: Packet, at: number, where: number, protocol: number): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  view.setUint16(at + where, 0);
  let sum = 0;
  const add = (from: number, to: number) => {
    for (; from + 1 < to; from += 2) sum += view.getUint16(from);
    if (from < to) sum += packet[from]! << 8;
  };
  if (protocol !== ICMP) {
    add(isSix(packet) ? 8 : 12, isSix(packet) ? 40 : 20);
    sum += protocol + packet.length - at;
  }
  add(at, packet.length);
  while (sum >>> 16) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(at + where, ~sum & 0xffff);
}
