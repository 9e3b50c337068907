import { decoder } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** GSSAPI for SOCKS5 (RFC 1961), and as much of Kerberos' tokens as is looked at here (RFC 4121). */

/** VER of every message (RFC 1961 s3.2). */
const VERSION = 1;

/** MTYP of a message: of a context, of the level of protection, of what is protected, and the end of all of them. */
export const GssMessageType = { Context: 1, Protection: 2, Data: 3, Abort: 0xff } as const;

/** The most octets of a token: LEN has two. */
export const MAX_TOKEN_SIZE = 65_535;

/** Octets in front of a token. */
export const GSS_MESSAGE_HEADER_SIZE = 4;

/** How every later octet is protected (RFC 1961 s4): not at all, against changes, against readers too. By its number. */
export const protections = ["none", "integrity", "confidentiality"] as const;
/** How octets travel with GSSAPI, the weakest first. */
export type Protection = (typeof protections)[number];

/** The level that leaves it to the other side, of 1 and 2 (RFC 1961 s4). */
const SELECTIVE = 3;

export interface GssMessage {
  readonly type: number;
  /** None of a message that ends it. */
  readonly token: Uint8Array;
}

const nothing = new Uint8Array(0);

/** A message whose type is known. The token is a view. */
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

/** Makes a message of a token that has room for the header in front. Throws RangeError beyond MAX_TOKEN_SIZE. */
export function writeGssHeader(message: Uint8Array, type: number): void {
  const size = message.length - GSS_MESSAGE_HEADER_SIZE;
  if (size > MAX_TOKEN_SIZE) throw new RangeError(`Cannot encode a token of ${size} octets: at most ${MAX_TOKEN_SIZE}`);
  message[0] = VERSION;
  message[1] = type;
  message[2] = size >> 8;
  message[3] = size & 0xff;
}

/** That the context, or what is asked for, is refused (RFC 1961 s3.4). */
export const gssAbort: Uint8Array = Uint8Array.of(VERSION, GssMessageType.Abort);

/** The level that an octet asks for; the selective one is the highest. Undefined where it asks for none that there is. */
export function protectionOf(octet: number): Protection | undefined {
  return octet === SELECTIVE ? "confidentiality" : protections[octet];
}

/** The octet of a level, as an answer, or as a wish for no less. */
export function protectionOctet(protection: Protection): number {
  return protections.indexOf(protection);
}

/** The higher of two levels. */
export function higherProtection(one: Protection, other: Protection): Protection {
  return protectionOctet(one) < protectionOctet(other) ? other : one;
}

/** What stands unencrypted in front of what is wrapped (RFC 4121 s4.2.6.2). It is true once the token has been unwrapped. */
export interface WrapHeader {
  /** Whether it is by the key that the acceptor has made for this context alone. */
  readonly byAcceptorKey: boolean;
  readonly sequence: number;
}

const ACCEPTOR_SUBKEY = 4;

/** Undefined of what is no such token: Kerberos of RFC 1964, by DES and RC4, has others. */
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
