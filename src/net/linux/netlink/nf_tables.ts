import type { Libc } from "../../kernel/libc/libc.ts";
import {
  attribute,
  converse,
  message,
  nested,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  text,
  u32,
} from "./netlink.ts";

/** Tables, chains and rules of nf_tables (linux/netfilter/nf_tables.h). Numbers in its attributes are in the order of the network. */

export type NetfilterFamily = "ip" | "ip6";

const families: Readonly<Record<NetfilterFamily, number>> = { ip: 2, ip6: 10 };
const SUBSYSTEM = 10,
  NEW_TABLE = SUBSYSTEM << 8,
  DELETE_TABLE = NEW_TABLE | 2,
  NEW_CHAIN = NEW_TABLE | 3,
  NEW_RULE = NEW_TABLE | 6;
const BATCH_BEGIN = 0x10, BATCH_END = 0x11, PREROUTING = 0;
const REGISTER = 1, VERDICT_REGISTER = 0;
const NETWORK_HEADER = 1, TRANSPORT_HEADER = 2;
const META_MARK = 3, META_L4PROTO = 16;
const DROP = 0, ACCEPT = 1, RTN_UNICAST = 1;

/** An expression of a rule: it loads, compares, or decides about a packet. */
export type Expression = Uint8Array;

function expression(name: string, ...attributes: Uint8Array[]): Expression {
  return nested(1, attribute(1, text(name)), nested(2, ...attributes));
}

const be32 = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const be16 = (value: number) => Uint8Array.of(value >>> 8, value);

function meta(key: number): Expression {
  return expression("meta", attribute(2, be32(key)), attribute(1, be32(REGISTER)));
}

function payload(base: number, offset: number, size: number): Expression {
  const where = [attribute(2, be32(base)), attribute(3, be32(offset)), attribute(4, be32(size))];
  return expression("payload", attribute(1, be32(REGISTER)), ...where);
}

function masked(mask: Uint8Array): Expression {
  const registers = [attribute(1, be32(REGISTER)), attribute(2, be32(REGISTER)), attribute(3, be32(mask.length))];
  return expression(
    "bitwise",
    ...registers,
    nested(4, attribute(1, mask)),
    nested(5, attribute(1, new Uint8Array(mask.length))),
  );
}

function compared(value: Uint8Array, unequal = false): Expression {
  return expression(
    "cmp",
    attribute(1, be32(REGISTER)),
    attribute(2, be32(unequal ? 1 : 0)),
    nested(3, attribute(1, value)),
  );
}

function verdict(code: number): Expression {
  return expression("immediate", attribute(1, be32(VERDICT_REGISTER)), nested(2, nested(2, attribute(1, be32(code)))));
}

export const accept = verdict(ACCEPT);
export const drop = verdict(DROP);

/** Packets of that protocol (IPPROTO_). */
export function ofProtocol(protocol: number): Expression[] {
  return [meta(META_L4PROTO), compared(Uint8Array.of(protocol))];
}

export function toPort(port: number): Expression[] {
  return [payload(TRANSPORT_HEADER, 2, 2), compared(be16(port))];
}

/** ICMP and ICMPv6 of that type. */
export function ofType(type: number): Expression[] {
  return [payload(TRANSPORT_HEADER, 0, 1), compared(Uint8Array.of(type))];
}

/** Packets to the first `bits` of an address. */
export function toAddress(octets: Uint8Array, bits = octets.length * 8): Expression[] {
  return withAddress(octets.length === 4 ? 16 : 24, octets, bits);
}

/** Packets from there. */
export function fromAddress(octets: Uint8Array, bits = octets.length * 8): Expression[] {
  return withAddress(octets.length === 4 ? 12 : 8, octets, bits);
}

function withAddress(at: number, octets: Uint8Array, bits: number): Expression[] {
  const mask = octets.map((_, i) => 0xff & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))));
  return [payload(NETWORK_HEADER, at, octets.length), masked(mask), compared(octets)];
}

/** TCP SYN without ACK. */
export const asksToConnect: readonly Expression[] = [
  payload(TRANSPORT_HEADER, 13, 1),
  masked(Uint8Array.of(0x12)),
  compared(Uint8Array.of(2)),
];

export function withMark(mark: number): Expression[] {
  return [meta(META_MARK), compared(u32(mark))];
}

export function withoutMark(mark: number): Expression[] {
  return [meta(META_MARK), compared(u32(mark), true)];
}

/** Marks a packet, for rules of routing (ip-rule(8)). */
export function mark(mark: number): Expression[] {
  return [
    expression("immediate", attribute(1, be32(REGISTER)), nested(2, attribute(1, u32(mark)))),
    expression("meta", attribute(2, be32(META_MARK)), attribute(3, be32(REGISTER))),
  ];
}

/** Packets to a single other host: neither to this one nor to many, by the routes. */
export const toOneElsewhere: readonly Expression[] = [
  expression("fib", attribute(1, be32(REGISTER)), attribute(2, be32(3)), attribute(3, be32(2))), // the type of daddr
  compared(u32(RTN_UNICAST)),
];

/** A socket of this network exists for the packet: connected or listening. */
export const hasSocket: Expression = expression("socket", attribute(1, be32(0)), attribute(2, be32(REGISTER)));

/** To the transparent socket at that port of this host, unchanged; later expressions run only if there is one. */
export function toTransparent(family: NetfilterFamily, port: number, ...more: Expression[]): Expression[] {
  return [
    expression("immediate", attribute(1, be32(REGISTER)), nested(2, attribute(1, be16(port)))),
    expression("tproxy", attribute(1, be32(families[family])), attribute(3, be32(REGISTER))),
    ...more,
    accept,
  ];
}

/**
 * Makes a table of that name with one chain for what arrives, before it is routed, in the place of one that there may be. `socket` is
 * one of NETLINK_NETFILTER in the network that is meant. Throws NetError, and then all is as before.
 */
export function addTable(
  libc: Libc,
  socket: number,
  family: NetfilterFamily,
  name: string,
  rules: readonly (readonly Expression[])[],
): void {
  const said = (type: number, flags: number, ...body: Uint8Array[]) =>
    message(type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | flags, head(families[family]), ...body);
  const table = attribute(1, text(name)), chain = "in", MANGLE = -150;
  converse(
    libc,
    socket,
    [
      batch(BATCH_BEGIN),
      said(NEW_TABLE, 0, table),
      message(DELETE_TABLE, NLM_F_REQUEST | NLM_F_ACK, head(families[family]), table),
      said(NEW_TABLE, 0, table),
      said(
        NEW_CHAIN,
        0,
        table,
        attribute(3, text(chain)),
        nested(4, attribute(1, be32(PREROUTING)), attribute(2, be32(MANGLE))),
        attribute(7, text("filter")),
      ),
      ...rules.map((rule) => said(NEW_RULE, NLM_F_APPEND, table, attribute(2, text(chain)), nested(4, ...rule))),
      batch(BATCH_END),
    ],
    "set up",
    `an nf_tables table (${family})`,
  );
}

/** Removes it, if it exists. Throws NetError. */
export function removeTable(libc: Libc, socket: number, family: NetfilterFamily, name: string): void {
  const table = attribute(1, text(name)), flags = NLM_F_REQUEST | NLM_F_ACK;
  const said = [NEW_TABLE, DELETE_TABLE].map((type) =>
    message(type, type === NEW_TABLE ? flags | NLM_F_CREATE : flags, head(families[family]), table)
  );
  converse(libc, socket, [batch(BATCH_BEGIN), ...said, batch(BATCH_END)], "remove", `an nf_tables table (${family})`);
}

function head(family: number, resource = 0): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource);
}

function batch(type: number): NetlinkMessage {
  return message(type, NLM_F_REQUEST, head(0, SUBSYSTEM));
}
