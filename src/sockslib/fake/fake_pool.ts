import { formatIp, parseIp } from "../../protocol/address.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";

/** Maximum addresses of a pool: numbers have 32 bits. */
const MAX_SIZE = 2 ** 32;

/** A block of fake addresses, by number. */
export class FakePool {
  readonly prefix: Prefix;
  /** Addresses in it, including the first (network) and the last (broadcast). */
  readonly size: number;
  /** The first address as a number: its last 32 bits. */
  readonly #base: number;
  /** The common text prefix of the pool's IPv6 addresses, if there is one. */
  readonly #head: string | undefined;

  constructor(prefix: Prefix) {
    this.prefix = prefix;
    const { octets, bits } = prefix;
    this.size = Math.min(2 ** (octets.length * 8 - bits), MAX_SIZE);
    this.#base = lastNumber(octets);
    if (octets.length === 16 && this.size === MAX_SIZE) this.#head = plainHead(octets);
  }

  /** Canonical text. */
  address(number: number): string {
    const { octets } = this.prefix;
    const sum = this.#base + number;
    if (octets.length === 4) return `${sum >>> 24}.${sum >>> 16 & 0xff}.${sum >>> 8 & 0xff}.${sum & 0xff}`;
    if (this.#head !== undefined) return shortened(this.#head, number);
    const whole = octets.slice();
    new DataView(whole.buffer).setUint32(12, sum);
    return formatIp(whole);
  }

  /** The number of an address in any spelling; undefined if it is not in the pool. */
  number(address: string): number | undefined {
    const head = this.#head;
    if (this.prefix.octets.length === 4) {
      const quick = decimals(address);
      if (quick !== undefined) {
        return quick >= this.#base && quick - this.#base < this.size ? quick - this.#base : undefined;
      }
    } else if (head !== undefined && address.startsWith(head)) {
      const quick = hexPair(address, head.length);
      if (quick !== undefined) return quick;
    }
    const octets = parseIp(address);
    return octets && this.prefix.contains(octets) && this.#isNear(octets) ? lastNumber(octets) - this.#base : undefined;
  }

  /** True if an address of the prefix can be given out. */
  #isNear(octets: Uint8Array): boolean {
    for (let i = 0; i < octets.length - 4; i++) if (octets[i] !== this.prefix.octets[i]) return false;
    return true;
  }
}

function lastNumber(octets: Uint8Array): number {
  return new DataView(octets.buffer, octets.byteOffset).getUint32(octets.length - 4);
}

/** `2001:db8::` of 2001:db8::/64; undefined if RFC 5952 shortens some addresses at another place. */
function plainHead(octets: Uint8Array): string | undefined {
  const head = formatIp(octets);
  const isPlain = [1, 0x1_0001].every((number) => {
    const whole = octets.slice();
    new DataView(whole.buffer).setUint32(12, number);
    return formatIp(whole) === shortened(head, number);
  });
  return isPlain ? head : undefined;
}

function shortened(head: string, number: number): string {
  const high = number >>> 16, low = (number & 0xffff).toString(16);
  return high === 0 ? head + low : `${head}${high.toString(16)}:${low}`;
}

/** Reads dotted decimals as a number; undefined for anything else. */
function decimals(text: string): number | undefined {
  let number = 0, part = -1, dots = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit === -2 && part >= 0) {
      number = number * 256 + part;
      part = -1;
      dots++;
    } else if (digit < 0 || digit > 9 || part === 0) return undefined;
    else if ((part = part < 0 ? digit : part * 10 + digit) > 255) return undefined;
  }
  return dots === 3 && part >= 0 ? number * 256 + part : undefined;
}

/** Reads one or two groups from `start` to the end; undefined for anything else. */
function hexPair(text: string, start: number): number | undefined {
  let number = 0, group = 0, digits = 0, colons = 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x3a && digits > 0 && colons === 0) {
      number = group;
      group = digits = 0;
      colons = 1;
      continue;
    }
    const value = code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
    if (value < 0 || ++digits > 4) return undefined;
    group = group * 16 + value;
  }
  return digits > 0 ? number * 0x1_0000 + group : undefined;
}
