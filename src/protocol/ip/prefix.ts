import { formatIp, parseIp, unmapped } from "../address.ts";

/** A block of addresses, e.g. 192.0.2.0/24 or 2001:db8::/32 (RFC 4632 s3.1, RFC 4291 s2.3). */
export class Prefix {
  /** The address: 4 or 16. */
  readonly octets: Uint8Array;
  /** How many of its first bits count. */
  readonly bits: number;

  /** Of 4 or 16 octets; parsePrefix() makes one of text. */
  constructor(octets: Uint8Array, bits: number) {
    this.octets = octets;
    this.bits = bits;
  }

  /** True if it holds a single address. */
  get single(): boolean {
    return this.bits === this.octets.length * 8;
  }

  /** True if an address of 4 or 16 octets is in it. */
  contains(octets: Uint8Array): boolean {
    if (octets.length !== this.octets.length) return false;
    const whole = this.bits >> 3, rest = this.bits & 7;
    for (let i = 0; i < whole; i++) if (octets[i] !== this.octets[i]) return false;
    return rest === 0 || (octets[whole]! ^ this.octets[whole]!) >> (8 - rest) === 0;
  }

  /** As 192.0.2.0/24. */
  toString(): string {
    return `${formatIp(this.octets)}/${this.bits}`;
  }
}

/**
 * Reads `ADDRESS/BITS`, or `ADDRESS` for a single address. Undefined if it is not a prefix or has host bits set, which is more
 * often a mistake than intended. A prefix of IPv4-mapped IPv6 becomes the IPv4 prefix, since addresses are judged as IPv4.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const [octets, bits] = addressAndBits(text);
  return octets && !hasHostBits(octets, bits) ? prefixOf(octets, bits) : undefined;
}

/** The prefix around the address in `text`, if host bits are its only mistake. */
export function prefixAround(text: string): Prefix | undefined {
  const [octets, bits] = addressAndBits(text);
  if (!octets || !hasHostBits(octets, bits)) return undefined;
  return prefixOf(octets.map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i)))), bits);
}

function addressAndBits(text: string): [octets: Uint8Array | undefined, bits: number] {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const octets = match && parseIp(match[1]!);
  if (!octets) return [undefined, 0];
  const size = octets.length * 8;
  const bits = match[2] === undefined ? size : Number(match[2]);
  return [bits > size ? undefined : octets, bits];
}

function hasHostBits(octets: Uint8Array, bits: number): boolean {
  for (let bit = bits; bit < octets.length * 8; bit++) if (octets[bit >> 3]! & (0x80 >> (bit & 7))) return true;
  return false;
}

function prefixOf(octets: Uint8Array, bits: number): Prefix {
  const plain = bits < 96 ? octets : unmapped(octets);
  return new Prefix(plain, bits - 8 * (octets.length - plain.length));
}
