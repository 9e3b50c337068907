import { octetsAddress } from "../../protocol/address.ts";

/** A record of a reply (RFC 1035 s4.1.3), of the types asked for; names without a final dot. */
export type DnsRecord =
  | { readonly type: "A" | "AAAA"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "CNAME" | "PTR"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "SOA"; readonly name: string; readonly ttl: number; readonly minimum: number };

/** Consecutive records, and their end. */
export interface Section {
  readonly records: readonly DnsRecord[];
  /** Undefined if the message is cut off within them. */
  readonly end: number | undefined;
  /** True if each could be read. */
  readonly whole: boolean;
}

const CNAME = 5, SOA = 6, PTR = 12, A = 1, AAAA = 28;
const IN = 1;

/** Type, class, TTL and length of the data. */
const FIXED_SIZE = 10;

/** Maximum pointers of one name: more are an attack, since each leads to an earlier place. */
const MAX_POINTERS = 128;

/** `count` records from `at`; an unreadable one is skipped by its length. */
export function readSection(message: Uint8Array, at: number, count: number): Section {
  const records: DnsRecord[] = [];
  let whole = true;
  for (let i = 0; i < count; i++) {
    const fixed = nameEnd(message, at);
    const data = fixed === undefined ? Infinity : fixed + FIXED_SIZE;
    const end = data <= message.length ? data + uint16(message, data - 2) : Infinity;
    if (end > message.length) return { records, end: undefined, whole: false };
    try {
      const record = readRecord(message, at, data, end);
      if (record) records.push(record);
    } catch {
      whole = false;
    }
    at = end;
  }
  return { records, end: at, whole };
}

/** Undefined for types that are never asked for. Throws RangeError. */
function readRecord(message: Uint8Array, at: number, data: number, end: number): DnsRecord | undefined {
  const fixed = data - FIXED_SIZE;
  const type = uint16(message, fixed), octets = message.subarray(data, end);
  if (uint16(message, fixed + 2) !== IN) throw new RangeError("Cannot read a record: its class was not asked for");
  const head = { name: readName(message, at), ttl: uint32(message, fixed + 4) };
  switch (type) {
    case A:
    case AAAA:
      if (octets.length !== (type === A ? 4 : 16)) throw new RangeError("Cannot read an address: its length is wrong");
      return { type: type === A ? "A" : "AAAA", ...head, data: octetsAddress(octets, 0).host };
    case CNAME:
    case PTR:
      return { type: type === CNAME ? "CNAME" : "PTR", ...head, data: readName(message, data, end) };
    case SOA:
      if (octets.length < 4) throw new RangeError("Cannot read a SOA: it is cut short");
      return { type: "SOA", ...head, minimum: uint32(message, end - 4) };
    default:
      return undefined;
  }
}

/** The end of the name at `at`, without following its pointers; undefined if it is invalid. */
function nameEnd(message: Uint8Array, at: number): number | undefined {
  for (let length = message[at]; length !== undefined; length = message[at]) {
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** The name at `at` (RFC 1035 s4.1.4), which ends before `end`. Throws RangeError. */
function readName(message: Uint8Array, at: number, end: number = message.length): string {
  const labels: string[] = [];
  for (let pointers = 0, size = 0;;) {
    const length = at < end ? message[at]! : 64;
    if (length === 0) return labels.join(".");
    if (length >= 0xc0) {
      if (at + 1 >= end || ++pointers > MAX_POINTERS) break;
      at = (length & 0x3f) << 8 | message[at + 1]!;
      end = message.length;
      continue;
    }
    size += 1 + length;
    if (length > 63 || size > 254 || at + 1 + length > end) break;
    labels.push(readLabel(message.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  throw new RangeError("Cannot read a name: it has no end");
}

const utf8 = new TextDecoder();

/** A label as text; dots and spaces are escaped as in a zone file (RFC 1035 s5.1). */
function readLabel(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    if (octet >= 0x80) return utf8.decode(octets);
    const isPlain = octet > 0x20 && octet < 0x7f && octet !== 0x2e && octet !== 0x5c;
    text += isPlain ? String.fromCharCode(octet) : `\\${String(octet).padStart(3, "0")}`;
  }
  return text;
}

function uint16(octets: Uint8Array, at: number): number {
  return octets[at]! << 8 | octets[at + 1]!;
}

function uint32(octets: Uint8Array, at: number): number {
  return uint16(octets, at) * 0x10000 + uint16(octets, at + 2);
}
