import { decoder } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** GSSAPI for SOCKS5 (RFC 1961), and the fields of Kerberos tokens that are checked here (RFC 4121). */

/** VER of every message (RFC 1961 s3.2). */
const VERSION = 1;

/** MTYP of a message: context, protection level, protected data, abort. */
export const GssMessageType = { Context: 1, Protection: 2, Data: 3, Abort: 0xff } as const;

/** Maximum octets of a token: LEN has two octets. */
export const MAX_TOKEN_SIZE = 65_535;

/** Octets in front of a token. */
export const GSS_MESSAGE_HEADER_SIZE = 4;

/** Protection level of all later octets (RFC 1961 s4): none, integrity, integrity and confidentiality. By number. */
export const protections = ["none", "integrity", "confidentiality"] as const;
/** How octets travel with GSSAPI, the weakest first. */
export type Protection = (typeof protections)[number];

/** The level that leaves the choice between 1 and 2 to the peer (RFC 1961 s4). */
const SELECTIVE = 3;

export interface GssMessage {
  readonly type: number;
  /** Empty for an abort message. */
  readonly token: Uint8Array;
}

const nothing = new Uint8Array(0);

/** A message of a known type. The token is a view. */
export const decodeGssMessage = decoder<GssMessage>((cursor) => {
  const version = cursor.u8();
  if (version !== VERSION) throw wrong(`VER ${version}, not ${VERSION}`);
  const type = cursor.u8();
  if (type === GssMessageType.Abort) return { type, token: nothing };
  if (type < GssMessageType.Context || type > GssMessageType.Data) throw wrong(`MTYP ${type}, which is none`);
  return { type, token: cursor.view(cursor.u16()) };
});

/** Throws RangeError beyond MAX_TOKEN_SIZE. */
export function encodeGssMessage(type: number, token: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(GSS_MESSAGE_HEADER_SIZE + token.length);
  message.set(token, GSS_MESSAGE_HEADER_SIZE);
  writeGssHeader(message, type);
  return message;
}

/** Makes a message of a token that has room for the header before it. Throws RangeError beyond MAX_TOKEN_SIZE. */
export function writeGssHeader(message: Uint8Array, type: number): void {
  const size = message.length - GSS_MESSAGE_HEADER_SIZE;
  if (size > MAX_TOKEN_SIZE) throw new RangeError(`Cannot encode a token of ${size} octets: at most ${MAX_TOKEN_SIZE}`);
  message[0] = VERSION;
  message[1] = type;
  message[2] = size >> 8;
  message[3] = size & 0xff;
}

/** Refusal of the context, or of the requested level (RFC 1961 s3.4). */
export const gssAbort: Uint8Array = Uint8Array.of(VERSION, GssMessageType.Abort);

/** The level that an octet requests; the selective one counts as the highest. Undefined for an unknown level. */
export function protectionOf(octet: number): Protection | undefined {
  return octet === SELECTIVE ? "confidentiality" : protections[octet];
}

/** The octet of a level: the answer, or the minimum requested. */
export function protectionOctet(protection: Protection): number {
  return protections.indexOf(protection);
}

/** The higher of two levels. */
export function higherProtection(one: Protection, other: Protection): Protection {
  return protectionOctet(one) < protectionOctet(other) ? other : one;
}

/** The unencrypted header of a wrapped token (RFC 4121 s4.2.6.2). Trust it only after the token has been unwrapped. */
export interface WrapHeader {
  /** True if it uses the subkey that the acceptor made for this context. */
  readonly byAcceptorKey: boolean;
  readonly sequence: number;
}

const ACCEPTOR_SUBKEY = 4;

/** Undefined for other tokens, for example those of RFC 1964 (DES, RC4). */
export function wrapHeader(token: Uint8Array): WrapHeader | undefined {
  if (token.length < 16 || token[0] !== 5 || token[1] !== 4) return undefined;
  const view = new DataView(token.buffer, token.byteOffset, token.length);
  return {
    byAcceptorKey: (token[2]! & ACCEPTOR_SUBKEY) !== 0,
    sequence: view.getUint32(8) * 2 ** 32 + view.getUint32(12),
  };
}

function wrong(state: string): ProtocolError {
  return new ProtocolError(`Cannot read a GSSAPI message: ${state}`);
}
