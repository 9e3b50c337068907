/** What may keep an address of a prefix. */
export const outgoingPers = ["session", "user", "client"] as const;

/** What shares one address of a prefix: each session has its own, or all sessions of a user or client share one. */
export type OutgoingPer = (typeof outgoingPers)[number];

/** The source of sockets, from one place of the configuration; the next place fills in the missing parts. Plain data. */
export interface WayOut {
  /** An address, or a prefix (ADDRESS/BITS) to take one from. */
  readonly ipv4?: string;
  /** The same for destinations on IPv6. */
  readonly ipv6?: string;
  /** For this place's prefixes; undefined is "session". */
  readonly per?: OutgoingPer;
  /** SO_BINDTODEVICE. */
  readonly device?: string;
  /** SO_MARK. */
  readonly mark?: number;
}

export function saysSomething({ ipv4, ipv6, device, mark }: WayOut): boolean {
  return (ipv4 ?? ipv6 ?? device ?? mark) !== undefined;
}

/** The source of a family's sockets. */
export interface Source {
  readonly text: string;
  readonly per: OutgoingPer;
}

/** The combination of several places. */
export interface SaidWay {
  readonly ipv4?: Source;
  readonly ipv6?: Source;
  readonly device?: string;
  readonly mark?: number;
}

/** Each part from the first of `places` that sets it. */
export function merged(places: readonly (WayOut | undefined)[]): SaidWay {
  const said: { -readonly [K in keyof SaidWay]: SaidWay[K] } = {};
  for (const place of places) {
    if (!place) continue;
    const { ipv4, ipv6, per = "session", device, mark } = place;
    if (ipv4 !== undefined) said.ipv4 ??= { text: ipv4, per };
    if (ipv6 !== undefined) said.ipv6 ??= { text: ipv6, per };
    if (device !== undefined) said.device ??= device;
    if (mark !== undefined) said.mark ??= mark;
  }
  return said;
}

export function isPrefix(text: string): boolean {
  return text.includes("/");
}
