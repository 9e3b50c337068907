import { encode, RECURSION_DESIRED } from "dns-packet";
import { type DnsRecord, readSection } from "./records.ts";

/** A question: a canonical name, in lower case and without a final dot, or "." alone, and a type (RFC 1035 s3.2.2, RFC 3596). */
export interface Question {
  readonly name: string;
  readonly type: "A" | "AAAA" | "PTR" | "NS";
}

/** RCODE of a reply (RFC 1035 s4.1.1). */
export const Rcode = { NoError: 0, FormErr: 1, ServFail: 2, NxDomain: 3, NotImp: 4, Refused: 5 } as const;

/** A reply to one question. */
export interface DnsReply {
  readonly rcode: number;
  readonly truncated: boolean;
  /** The answers that could be read. */
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** True if all answers could be read: only then an empty answer means that there is none. */
  readonly whole: boolean;
}

const HEADER_SIZE = 12;

/** Our maximum UDP message size: no path fragments it (RFC 9715 s3.2, DNS Flag Day 2020). */
const UDP_SIZE = 1_232;

/** A query for `question`, with EDNS(0) (RFC 6891) if `edns`. */
export function encodeQuery(id: number, { name, type }: Question, edns = true): Uint8Array {
  const query = encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: edns
      ? [{
        type: "OPT",
        name: ".",
        udpPayloadSize: UDP_SIZE,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      }]
      : [],
  });
  return new Uint8Array(query); // a Buffer's slice() would be no copy
}

/**
 * The reply in `bytes` to `query`; undefined if they are none: another id or question, or not a reply. The question is
 * compared octet by octet, ignoring case only. A failure may come without the question:
 * servers without EDNS answer with a bare header.
 */
export function decodeReply(query: Uint8Array, bytes: Uint8Array): DnsReply | undefined {
  if (bytes.length < HEADER_SIZE || bytes[0] !== query[0] || bytes[1] !== query[1]) return undefined;
  if ((bytes[2]! & 0xf8) !== 0x80) return undefined; // QR, and OPCODE 0
  const rcode = bytes[3]! & 0x0f, truncated = (bytes[2]! & 0x02) !== 0;
  const counted = (at: number) => bytes[at]! << 8 | bytes[at + 1]!;
  const isFailure = rcode !== Rcode.NoError && rcode !== Rcode.NxDomain;
  if (counted(4) === 0 && isFailure) return { rcode, truncated: false, answers: [], authorities: [], whole: true };
  const end = questionEnd(query);
  if (counted(4) !== 1 || bytes.length < end) return undefined;
  for (let i = HEADER_SIZE; i < end; i++) if (small(bytes[i]!) !== small(query[i]!)) return undefined;
  const answers = readSection(bytes, end, counted(6));
  const authorities = answers.end === undefined ? [] : readSection(bytes, answers.end, counted(8)).records;
  return { rcode, truncated, answers: answers.records, authorities, whole: answers.whole };
}

/** True if a server with this RCODE may answer a query without EDNS (RFC 6891 s7). */
export function knowsNoEdns({ rcode }: DnsReply): boolean {
  return rcode === Rcode.FormErr || rcode === Rcode.NotImp;
}

/** The end of the question of `query`, which has one question and no pointers. */
function questionEnd(query: Uint8Array): number {
  let at = HEADER_SIZE;
  while (query[at]! > 0) at += 1 + query[at]!;
  return at + 5;
}

/** The octet in lower case if it is an ASCII letter. Lengths, types and classes are smaller than letters. */
function small(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
