import { foldName } from "../../protocol/address.ts";
import { type DnsReply, type Question, Rcode } from "./message.ts";
import type { DnsRecord } from "./records.ts";

/** The answer in a reply. */
export interface Outcome {
  /** Addresses, or names for PTR; empty for a negative answer. */
  readonly data: readonly string[];
  /** Undefined if the reply does not give it. */
  readonly ttlMs: number | undefined;
  /** The last alias, if the server did not follow it. */
  readonly alias?: string;
}

/** Longer chains are loops or attacks. */
const MAX_ALIASES = 16;

/**
 * The answer in `reply`, with its aliases followed (RFC 1034 s3.6.2); undefined for a failure, also for a reply with unreadable
 * records, which may hide the answer.
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

/** True if DNS can be asked for it: labels of 1 to 63 octets, 253 in all (RFC 1035 s2.3.4). */
export function isAskable(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => label.length > 0 && label.length <= 63);
}

/** A name that is safe for clients and log lines. */
function hostName(data: string): string | undefined {
  const name = data.replace(/\.$/, "");
  return /^[\w.-]{1,253}$/.test(name) ? name : undefined;
}
