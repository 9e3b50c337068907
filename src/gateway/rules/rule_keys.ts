import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { NamePattern } from "./name_pattern.ts";

/** Index keys: texts made of a matcher's values, and of the subject of a decision. */

export const dimensions = ["users", "names", "to", "from"] as const;
export type Dimension = (typeof dimensions)[number];

/** Keys to look up for a subject: label counts from the end of a name, and prefix lengths in each family. */
export interface Reach {
  labels: number;
  readonly ipv4: number[];
  readonly ipv6: number[];
}

export function newReach(): Reach {
  return { labels: 0, ipv4: [], ipv6: [] };
}

/** The keys of one value of a rule; `reach` grows by what it takes to find them. */
export function keysOf(dimension: Dimension, value: string | NamePattern | Prefix, reach: Reach): readonly string[] {
  if (typeof value === "string") return [userKey(value)];
  if ("octets" in value) {
    const lengths = value.octets.length === 4 ? reach.ipv4 : reach.ipv6;
    if (!lengths.includes(value.bits)) lengths.push(value.bits);
    return [prefixKey(dimension, value.octets, value.bits)];
  }
  const { name, itself, below } = value;
  if (below && name !== "") reach.labels = Math.max(reach.labels, name.split(".").length);
  return [...itself ? [`=${name}`] : [], ...below ? [`.${name}`] : []];
}

export function userKey(name: string): string {
  return `u${name}`;
}

/** Calls `visit` with each key that a pattern of `name`, folded, may have. */
export function visitName(name: string, { labels }: Reach, visit: (key: string) => void): void {
  visit(`=${name}`);
  visit(".");
  let dot = name.lastIndexOf(".");
  for (let label = 1; dot > 0 && label <= labels; label++) {
    visit(name.slice(dot));
    dot = name.lastIndexOf(".", dot - 1);
  }
}

/** Calls `visit` with each key that a prefix around `octets` may have. */
export function visitAddress(
  dimension: "to" | "from",
  octets: Uint8Array,
  { ipv4, ipv6 }: Reach,
  visit: (key: string) => void,
): void {
  for (const bits of octets.length === 4 ? ipv4 : ipv6) visit(prefixKey(dimension, octets, bits));
}

/** The key of the prefix of so many bits around `octets`. */
export function prefixKey(dimension: Dimension, octets: Uint8Array, bits: number): string {
  let key = `${dimension === "to" ? "t" : "f"}${octets.length === 4 ? "4" : "6"}${bits}/`;
  for (let i = 0; i < bits >> 3; i++) key += String.fromCharCode(octets[i]!);
  return bits & 7 ? key + String.fromCharCode(octets[bits >> 3]! & (0xff00 >> (bits & 7)) & 0xff) : key;
}
