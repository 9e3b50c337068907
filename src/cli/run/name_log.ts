import { decodeReply, Rcode } from "../../dns/servers/message.ts";
import { log } from "../log/log.ts";

const HEADER_SIZE = 12;

/** Usual record types (RFC 1035 s3.2.2, RFC 3596, RFC 9460); other types are logged in the format of RFC 3597 s5. */
const types: Readonly<Record<number, string>> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  64: "SVCB",
  65: "HTTPS",
};

const codes = new Map<number, string>(Object.entries(Rcode).map(([name, code]) => [code, name.toUpperCase()]));

/** Logs a query and its answer; nothing if `query` is invalid. */
export function logName(query: Uint8Array, answer: Uint8Array): void {
  const reply = decodeReply(query, answer);
  if (!reply || query.length < HEADER_SIZE || (query[4]! << 8 | query[5]!) !== 1) return;
  const given = reply.answers.map((record) => "data" in record ? record.data : record.type);
  log.info("name", {
    ...asked(query),
    rcode: codes.get(reply.rcode) ?? reply.rcode,
    ...given.length > 0 && { answer: given.join(",") },
  });
}

/** Name and type of a query, with octets that could control a terminal escaped as in RFC 1035 s5.1. */
function asked(query: Uint8Array): { readonly name: string; readonly type: string } {
  let at = HEADER_SIZE, name = "";
  for (let size; (size = query[at]!) > 0; at += 1 + size) {
    for (const octet of query.subarray(at + 1, at + 1 + size)) {
      const isPlain = octet > 0x20 && octet < 0x7f && octet !== 0x2e && octet !== 0x5c;
      name += isPlain ? String.fromCharCode(octet) : `\\${String(octet).padStart(3, "0")}`;
    }
    name += ".";
  }
  const type = query[at + 1]! << 8 | query[at + 2]!;
  return { name: name.slice(0, -1) || ".", type: types[type] ?? `TYPE${type}` };
}
