import { foldName } from "../../protocol/address.ts";
import { type DnsReply, type Question, Rcode } from "./message.ts";
import type { DnsRecord } from "./records.ts";

/** What a reply says of its question. */
export interface Outcome {
  /** Addresses, or names for PTR; none where there are none. */
  readonly data: readonly string[];
  /** Undefined where the reply does not say. */
  readonly ttlMs: number | undefined;
  /** The end of a chain of aliases that the server did not follow. */
  readonly alias?: string;
}

/** Longer chains are loops, or made to cost. */
const MAX_ALIASES = 16;

/**
 * What `reply` says, its aliases followed (RFC 1034 s3.6.2); undefined where it is a failure, as one that cannot be read and may
 * hold what nobody sees.
 */
export function readOutcome(question: Question, reply: DnsReply): Outcome | undefined {
  const { rcode, answers, authorities, whole } = reply;
  if (rcode !== Rcode.NoError && rcode !== Rcode.NxDomain) return undefined;
  let { name } = question;
  let ttl = Infinity;
  const aliases = new Map<string, DnsRecord>();
  for (const answer of answers) if (answer.type === "CNAME") aliases.set(foldName(answer.name), answer);
  for (let i = 0, alias = aliases.get(name); alias && i < MAX_ALIASES; alias = aliases.get(name), i++) {
    if (alias.type !== "CNAME") break;
    ttl = Math.min(ttl, alias.ttl);
    name = foldName(alias.data);
  }
  const data: string[] = [];
  for (const answer of answers) {
    if (answer.type === "SOA" || answer.type !== question.type || foldName(answer.name) !== name) continue;
    const text = answer.type === "PTR" ? hostName(answer.data) : answer.data;
    if (text === undefined) continue;
    data.push(text);
    ttl = Math.min(ttl, answer.ttl);
  }
  if (data.length > 0) return { data: [...new Set(data)], ttlMs: ttl * 1_000 };
  if (!whole) return undefined;
  const soa = authorities.find((record) => record.type === "SOA");
  if (name !== question.name && rcode === Rcode.NoError && !soa) return { data, ttlMs: ttl * 1_000, alias: name };
  if (!soa) return { data, ttlMs: undefined };
  return { data, ttlMs: Math.min(ttl, soa.ttl, soa.minimum) * 1_000 }; // RFC 2308 s5
}

/** Whether DNS can be asked for it: labels of 1 to 63 octets, 253 in all (RFC 1035 s2.3.4). */
export function isAskable(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => label.length > 0 && label.length <= 63);
}

/** A name that can be told to a client, without what would forge a line of a log. */
function hostName(data: string): string | undefined {
  const name = data.replace(/\.$/, "");
  return /^[\w.-]{1,253}$/.test(name) ? name : undefined;
}
