import { bytes, joined } from "./bytes.ts";

/** PROXY headers as a proxy writes them, made another way than gate46 reads them. */

export const SIGNATURE = bytes("0d0a 0d0a 00 0d0a 'QUIT' 0a");
export const LOCAL = 0x20, PROXY = 0x21;
export const UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX = 0x31;

/** A header of version 2. */
export function blockHeader(command: number, transport: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const block = joined(...parts);
  return joined(SIGNATURE, Uint8Array.of(command, transport, block.length >> 8, block.length & 0xff), block);
}

const table = Uint32Array.from({ length: 256 }, (_, octet) => {
  for (let bit = 0; bit < 8; bit++) octet = octet & 1 ? (octet >>> 1) ^ 0x82f63b78 : octet >>> 1;
  return octet;
});

/** `header`, whose last extension is a checksum of zeros, with the sum in it. */
export function checked(header: Uint8Array): Uint8Array {
  const sum = ~header.reduce((crc, octet) => (crc >>> 8) ^ table[(crc ^ octet) & 0xff]!, 0xffff_ffff) >>> 0;
  const out = header.slice();
  new DataView(out.buffer).setUint32(out.length - 4, sum);
  return out;
}
