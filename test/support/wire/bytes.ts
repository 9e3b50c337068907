/** Bytes as people read them. */

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

/** Octets of hexadecimal text, blanks ignored; what stands in 'quotes' are characters. */
export function bytes(text: string): Uint8Array {
  const parts = text.match(/'[^']*'|[0-9a-f]{2}/gi) ?? [];
  const octets = parts.flatMap((part) =>
    part.startsWith("'") ? Array.from(new TextEncoder().encode(part.slice(1, -1))) : [Number.parseInt(part, 16)]
  );
  return Uint8Array.from(octets);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** `size` octets that differ from their neighbours, so that lost and doubled ones show. */
export function pattern(size: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);
}
