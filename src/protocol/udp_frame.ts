import { headerSize } from "./datagram.ts";
import { ProtocolError } from "./protocol_error.ts";

/**
 * UDP on the control connection, as command 05 of hev-socks5-server has it: each datagram has its header of RFC 1928 s7, in
 * which the first three octets hold the length of the data (two octets, network order) and of the header.
 */

/** DATLEN and HDRLEN. */
const LENGTHS_SIZE = 3;

/** The maximum of HDRLEN: names of up to 248 octets. */
const MAX_FRAMED_HEADER_SIZE = 255, MAX_FRAMED_DATA_SIZE = 65_535;

/** The shortest header: with ATYP and one octet of the address. */
const MIN_HEADER_SIZE = 5;

/** True if a datagram with this header and payload can be framed. */
export function fitsFrame(header: Uint8Array, payload: Uint8Array): boolean {
  return header.length <= MAX_FRAMED_HEADER_SIZE && payload.length <= MAX_FRAMED_DATA_SIZE;
}

/** The frame of a datagram that fits; `header` is that of RFC 1928 s7. */
export function encodeFrame(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(header.length + payload.length);
  out.set(header);
  out.set(payload, header.length);
  out[0] = payload.length >> 8;
  out[1] = payload.length & 0xff;
  out[2] = header.length;
  return out;
}

/** Octets of the frame at the head of `bytes`; undefined while its lengths are incomplete. Throws ProtocolError for an invalid HDRLEN. */
export function frameSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTHS_SIZE) return undefined;
  const header = bytes[2]!;
  if (header < MIN_HEADER_SIZE) throw new ProtocolError(`Cannot read a framed datagram: HDRLEN ${header}`);
  return header + (bytes[0]! << 8 | bytes[1]!);
}

/** Turns a complete frame, in place, into the datagram of RFC 1928 s7; false if it is invalid. */
export function unframe(frame: Uint8Array): boolean {
  const header = frame[2]!;
  frame.fill(0, 0, LENGTHS_SIZE);
  try {
    return headerSize(frame) === header;
  } catch {
    return false;
  }
}
