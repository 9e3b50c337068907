import { parseIp } from "../../protocol/address.ts";
import { joinedAll } from "../../protocol/octets.ts";
import { NetError } from "../../net/error.ts";
import { Rcode } from "../servers/message.ts";

/** The mapping table of RFC 3089 s2, as the DNS server uses it. */
export interface MappedNames {
  /** The fake addresses of a name; undefined for an invalid name. Throws NetError if the pool is exhausted. */
  fake(name: string): { readonly ipv4: string; readonly ipv6: string } | undefined;
  /** The name behind an address in in-addr.arpa or ip6.arpa. */
  pointer(name: string): string | undefined;
}

export interface Answering {
  readonly names: MappedNames;
  /** True if the name exists; rejects with NetError if that cannot be determined. */
  readonly exists: (name: string) => Promise<boolean>;
  /** At most as long as the table keeps a name (s). */
  readonly ttlS: number;
  /** Hears of each query and its answer. */
  readonly told?: ((query: Uint8Array, answer: Uint8Array) => void) | undefined;
}

const HEADER_SIZE = 12,
  RESPONSE = 0x80,
  OPCODE = 0x78,
  AUTHORITATIVE = 0x04,
  RECURSION_AVAILABLE = 0x80,
  RECURSION_WANTED = 1;
const IN = 1, A = 1, PTR = 12, AAAA = 28, OPT = 41;
const MAX_LABEL = 63, MAX_NAME = 255;

/** Our maximum UDP message size, as told to clients with EDNS(0) (RFC 6891). */
const UDP_SIZE = 1_232, BAD_VERSION = 1;

export interface Asked {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The offset of the question's end. */
  readonly end: number;
  /** The EDNS version of the query, if it has one. */
  readonly edns: number | undefined;
}

/**
 * The answer to a query: A and AAAA are the fake addresses of the name, PTR is the reverse lookup, and other types of an existing
 * name are empty. Undefined for a message that is not a query. Never rejects.
 */
export async function mappedAnswer(query: Uint8Array, answering: Answering): Promise<Uint8Array | undefined> {
  const answer = await answerTo(query, answering);
  if (answer) answering.told?.(query, answer);
  return answer;
}

async function answerTo(query: Uint8Array, answering: Answering): Promise<Uint8Array | undefined> {
  if (query.length < HEADER_SIZE || query[2]! & RESPONSE) return undefined;
  const count = (at: number) => (query[at]! << 8) | query[at + 1]!;
  const asked = count(4) === 1 ? readQuestion(query, count(6) + count(8) === 0 && count(10) > 0) : undefined;
  if (!asked) return reply(query, { rcode: Rcode.FormErr });
  if (query[2]! & OPCODE) return reply(query, { rcode: Rcode.NotImp, asked });
  if (asked.class !== IN) return reply(query, { rcode: Rcode.Refused, asked });
  if (asked.edns !== undefined && asked.edns > 0) {
    return reply(query, { rcode: Rcode.NoError, asked, extended: BAD_VERSION });
  }
  try {
    const { rcode, data } = await look(asked, answering);
    return reply(query, { rcode, asked, data, ttlS: answering.ttlS });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return reply(query, { rcode: Rcode.ServFail, asked });
  }
}

/** Rejects with NetError. */
async function look(
  { name, type }: Asked,
  { names, exists }: Answering,
): Promise<{ rcode: number; data?: Uint8Array }> {
  if (type === PTR) {
    const found = names.pointer(name);
    return found === undefined ? { rcode: Rcode.NxDomain } : { rcode: Rcode.NoError, data: encodeName(found) };
  }
  const folded = name.toLowerCase();
  const own = folded === "localhost" || folded.endsWith(".localhost"); // RFC 6761 s6.3
  if (name === "") return { rcode: Rcode.NoError };
  if (!own && !await exists(folded)) return { rcode: Rcode.NxDomain };
  const pair = own ? { ipv4: "127.0.0.1", ipv6: "::1" } : names.fake(folded);
  if (!pair) return { rcode: Rcode.NxDomain };
  if (type !== A && type !== AAAA) return { rcode: Rcode.NoError };
  return { rcode: Rcode.NoError, data: parseIp(type === A ? pair.ipv4 : pair.ipv6)! };
}

interface Reply {
  readonly rcode: number;
  readonly asked?: Asked;
  readonly data?: Uint8Array | undefined;
  readonly ttlS?: number;
  /** The upper bits of the RCODE (RFC 6891 s6.1.3). */
  readonly extended?: number;
}

/** The question is returned unchanged, with the same upper and lower case. */
function reply(query: Uint8Array, { rcode, asked, data, ttlS = 0, extended = 0 }: Reply): Uint8Array {
  const head = query.slice(0, asked?.end ?? HEADER_SIZE), view = new DataView(head.buffer);
  head[2] = RESPONSE | AUTHORITATIVE | (query[2]! & (OPCODE | RECURSION_WANTED));
  head[3] = RECURSION_AVAILABLE | rcode;
  view.setUint16(4, asked ? 1 : 0);
  view.setUint16(6, data ? 1 : 0);
  view.setUint16(8, 0);
  view.setUint16(10, asked?.edns === undefined ? 0 : 1);
  return joinedAll([
    head,
    ...data ? [record(asked!.type, ttlS, data)] : [],
    ...asked?.edns === undefined
      ? []
      : [Uint8Array.of(0, 0, OPT, UDP_SIZE >> 8, UDP_SIZE & 0xff, extended, 0, 0, 0, 0, 0)],
  ]);
}

function record(type: number, ttlS: number, data: Uint8Array): Uint8Array {
  const NAME_OF_QUESTION = 0xc000 | HEADER_SIZE;
  const out = new Uint8Array(12 + data.length), view = new DataView(out.buffer);
  view.setUint16(0, NAME_OF_QUESTION);
  view.setUint16(2, type);
  view.setUint16(4, IN);
  view.setUint32(6, ttlS);
  view.setUint16(10, data.length);
  out.set(data, 12);
  return out;
}

/** The question of a query that has one; undefined for what is no query, or is not well formed. */
export function questionOf(query: Uint8Array): Asked | undefined {
  const isQuery = query.length >= HEADER_SIZE && !(query[2]! & (RESPONSE | OPCODE));
  return isQuery && ((query[4]! << 8) | query[5]!) === 1 ? readQuestion(query, false) : undefined;
}

/** Undefined if it is cut off, or compressed, which a question never is. */
function readQuestion(query: Uint8Array, hasAdditional: boolean): Asked | undefined {
  const labels: string[] = [];
  let at = HEADER_SIZE;
  for (let size; (size = query[at]) !== 0; at += 1 + size) {
    if (size === undefined || size > MAX_LABEL || at + size - HEADER_SIZE > MAX_NAME) return undefined;
    // A dot inside a label does not separate labels (RFC 1035 s5.1).
    labels.push(String.fromCharCode(...query.subarray(at + 1, at + 1 + size)).replaceAll(".", "\\."));
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  const view = new DataView(query.buffer, query.byteOffset, query.length);
  const opt = hasAdditional && end + 11 <= query.length && query[end] === 0 && view.getUint16(end + 1) === OPT;
  return {
    name: labels.join("."),
    type: view.getUint16(at + 1),
    class: view.getUint16(at + 3),
    end,
    edns: opt ? query[end + 6] : undefined,
  };
}

function encodeName(name: string): Uint8Array {
  const labels = name.split(".").map((label) => new TextEncoder().encode(label));
  return joinedAll([...labels.flatMap((label) => [Uint8Array.of(label.length), label]), Uint8Array.of(0)]);
}
