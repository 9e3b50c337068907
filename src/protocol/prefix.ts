import { formatIp, parseIp, unmapped } from "./address.ts";

/** A block of addresses, e.g. 192.0.2.0/24 or 2001:db8::/32 (RFC 4632 s3.1, RFC 4291 s2.3). */
export class Prefix {
  readonly octets: Uint8Array;
  readonly bits: number;

  constructor(octets: Uint8Array, bits: number) {
    this.octets = octets;
    this.bits = bits;
  }

  /** Whether it names one address only. */
  get single(): boolean {
    return this.bits === this.octets.length * 8;
  }

  contains(octets: Uint8Array): boolean {
    if (octets.length !== this.octets.length) return false;
    const whole = this.bits >> 3, rest = this.bits & 7;
    for (let i = 0; i < whole; i++) if (octets[i] !== this.octets[i]) return false;
    return rest === 0 || (octets[whole]! ^ this.octets[whole]!) >> (8 - rest) === 0;
  }

  toString(): string {
    return `${formatIp(this.octets)}/${this.bits}`;
  }
}

/**
 * Reads `ADDRESS/BITS`, or `ADDRESS` for that one alone. Undefined where it is no prefix, or has bits set behind its length,
 * which is more often a slip than meant. One of IPv4-mapped IPv6 is that of the IPv4 addresses: no address is judged as the former.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const octets = match && parseIp(match[1]!);
  if (!octets) return undefined;
  const size = octets.length * 8;
  const bits = match[2] === undefined ? size : Number(match[2]);
  if (bits > size) return undefined;
  for (let bit = bits; bit < size; bit++) if (octets[bit >> 3]! & (0x80 >> (bit & 7))) return undefined;
  const plain = bits < 96 ? octets : unmapped(octets);
  return new Prefix(plain, bits - 8 * (octets.length - plain.length));
}
