import { joinedAll } from "../../../protocol/octets.ts";
import { NetError } from "../../error.ts";
import { SOL_SOCKET } from "../../kernel/libc/abi.ts";
import { EINTR, errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";

/** Messages of netlink(7): their attributes, and a conversation that ends with an answer to each. */

export const NLM_F_REQUEST = 1,
  NLM_F_ACK = 4,
  NLM_F_CREATE = 0x400,
  NLM_F_EXCL = 0x200,
  NLM_F_APPEND = 0x800,
  NLM_F_REPLACE = 0x100,
  NLM_F_DUMP = 0x300;
export const AF_NETLINK = 16, NETLINK_ROUTE = 0, NETLINK_NETFILTER = 12;

const NLMSG_ERROR = 2, NLMSG_DONE = 3, HEADER_SIZE = 16, NESTED = 0x8000, SO_RCVTIMEO = 20;

/** The kernel answers within the call itself; this is only an upper limit (s). */
const ANSWER_S = 5;

type Bytes = Uint8Array<ArrayBuffer>;

/** A message without its sequence number, which is set on sending. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly body: Bytes;
}

export function message(type: number, flags: number, ...body: Uint8Array[]): NetlinkMessage {
  return { type, flags, body: joinedAll(body) };
}

/** An attribute (struct nlattr, rtnetlink(7)): its size, its type, and its value, filled up to four octets. */
export function attribute(type: number, ...value: Uint8Array[]): Bytes {
  const size = 4 + value.reduce((sum, { length }) => sum + length, 0);
  const out = new Uint8Array(Math.ceil(size / 4) * 4), view = new DataView(out.buffer);
  view.setUint16(0, size, true);
  view.setUint16(2, type, true);
  out.set(joinedAll(value), 4);
  return out;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...attributes: Uint8Array[]): Bytes {
  return attribute(type | NESTED, ...attributes);
}

/** In the order of the machine, which is little-endian on both that Linux runs this on. */
export function u32(value: number): Bytes {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function text(value: string): Bytes {
  return new TextEncoder().encode(`${value}\0`);
}

/**
 * Sends `messages` as one datagram over `socket` and reads an answer to each that requests one. Throws NetError for the first
 * that the kernel refuses, as "Cannot <verb> <what>: ENAME".
 */
export function converse(
  libc: Libc,
  socket: number,
  messages: readonly NetlinkMessage[],
  verb: string,
  what: string,
): void {
  const kernel = new Uint8Array(12);
  kernel[0] = AF_NETLINK;
  const patience = new Uint8Array(16);
  patience[0] = ANSWER_S;
  libc.setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, patience, patience.length);
  const octets = joinedAll(messages.map(encode));
  if (libc.sendto(socket, octets, octets.length, 0, kernel, kernel.length) < 0) {
    throw errnoError(libc.errno(), verb, what);
  }
  let waiting = messages.filter(({ flags }) => flags & NLM_F_ACK).length;
  const buffer = new Uint8Array(32 << 10);
  while (waiting > 0) {
    const size = libc.recv(socket, buffer, buffer.length, 0);
    if (size < 0 && libc.errno() === EINTR) continue;
    if (size < 0) throw errnoError(libc.errno(), verb, what);
    for (const errno of answers(buffer.subarray(0, size))) {
      if (errno !== 0) throw errnoError(errno, verb, what);
      waiting--;
    }
    if (size === 0) throw new NetError("closed", `Cannot ${verb} ${what}: netlink has ended`);
  }
}

/** The bodies of all answers to `message`, in any number of pieces. Throws NetError. */
export function dump(
  libc: Libc,
  socket: number,
  message: NetlinkMessage,
  verb: string,
  what: string,
): Bytes[] {
  const kernel = new Uint8Array(12);
  kernel[0] = AF_NETLINK;
  const octets = encode({ ...message, flags: message.flags | NLM_F_REQUEST | NLM_F_DUMP }, 0);
  if (libc.sendto(socket, octets, octets.length, 0, kernel, kernel.length) < 0) {
    throw errnoError(libc.errno(), verb, what);
  }
  const found: Bytes[] = [], buffer = new Uint8Array(64 << 10);
  for (;;) {
    const size = libc.recv(socket, buffer, buffer.length, 0);
    if (size < 0 && libc.errno() === EINTR) continue;
    if (size < 0) throw errnoError(libc.errno(), verb, what);
    if (size === 0) throw new NetError("closed", `Cannot ${verb} ${what}: netlink has ended`);
    const received = buffer.slice(0, size);
    for (const errno of answers(received)) if (errno !== 0) throw errnoError(errno, verb, what);
    for (const { type, body } of messagesIn(received)) {
      if (type === NLMSG_DONE) return found;
      if (type > NLMSG_DONE) found.push(body);
    }
  }
}

/** The messages in the received octets; truncated ones are skipped. */
export function messagesIn(octets: Bytes): { readonly type: number; readonly body: Bytes }[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const found: { type: number; body: Bytes }[] = [];
  for (let at = 0; at + HEADER_SIZE <= octets.length;) {
    const size = view.getUint32(at, true);
    if (size < HEADER_SIZE || at + size > octets.length) break;
    found.push({ type: view.getUint16(at + 4, true), body: octets.subarray(at + HEADER_SIZE, at + size) });
    at += Math.ceil(size / 4) * 4;
  }
  return found;
}

/** The attributes from `start` on, by type; truncated ones are skipped. */
export function attributesIn(octets: Bytes, start: number): ReadonlyMap<number, Bytes> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length), found = new Map<number, Bytes>();
  for (let at = start; at + 4 <= octets.length;) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > octets.length) break;
    found.set(view.getUint16(at + 2, true) & ~NESTED, octets.subarray(at + 4, at + size));
    at += Math.ceil(size / 4) * 4;
  }
  return found;
}

/** The errno of each answer in the received octets, 0 for success; truncated and other messages are skipped. */
export function answers(octets: Uint8Array<ArrayBuffer>): number[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length), found: number[] = [];
  for (let at = 0; at + HEADER_SIZE <= octets.length;) {
    const size = view.getUint32(at, true);
    if (size < HEADER_SIZE || at + size > octets.length) break;
    const isAnswer = view.getUint16(at + 4, true) === NLMSG_ERROR && size >= HEADER_SIZE + 4;
    if (isAnswer) found.push(0 - view.getInt32(at + HEADER_SIZE, true));
    at += Math.ceil(size / 4) * 4;
  }
  return found;
}

function encode({ type, flags, body }: NetlinkMessage, number: number): Bytes {
  const out = new Uint8Array(HEADER_SIZE + Math.ceil(body.length / 4) * 4), view = new DataView(out.buffer);
  view.setUint32(0, HEADER_SIZE + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, number + 1, true);
  out.set(body, HEADER_SIZE);
  return out;
}
