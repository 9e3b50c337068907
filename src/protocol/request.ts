import { type Address, encodeAddress, readAddress } from "./address.ts";
import { Command, Reply, SOCKS_VERSION } from "./codes.ts";
import { type Cursor, decoder } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** The client's request (RFC 1928 s4). */
export interface Request {
  readonly command: Command;
  readonly destination: Address;
}

/** The answer to a request (RFC 1928 s6). */
export interface RequestReply {
  /** REP: any octet, since a peer may send one that no RFC defines. */
  readonly reply: number;
  readonly bound: Address;
}

/** BND of a reply without an address (RFC 1928 s6 requires the field). */
export const NO_ADDRESS: Address = { type: 1, host: "0.0.0.0", port: 0 };

const commands: ReadonlySet<number> = new Set(Object.values(Command));

/**
 * Throws ProtocolError: 07 for an unknown command, 08 for an unknown ATYP. An unknown command is reported only after the
 * complete request, so that a reset does not destroy the reply.
 */
export const decodeRequest = decoder<Request>((cursor) => {
  expectVersion(cursor.u8());
  const command = cursor.u8();
  skipReserved(cursor);
  // Some clients send the name "0" where RFC 1928 s4 requires zeros; an association ignores the address anyway.
  const forUdp = command === Command.UdpAssociate || command === Command.UdpInTcp;
  const destination = readAddress(cursor, forUdp ? NO_ADDRESS : undefined);
  if (!commands.has(command)) {
    throw new ProtocolError(`Cannot serve command 0x${command.toString(16)}`, Reply.CommandNotSupported);
  }
  return { command: command as Command, destination };
});

export function encodeRequest({ command, destination }: Request): Uint8Array {
  return message(command, destination);
}

/** An invalid name in BND counts as no address: the outcome stays the same. */
export const decodeReply = decoder<RequestReply>((cursor) => {
  expectVersion(cursor.u8());
  const reply = cursor.u8();
  skipReserved(cursor);
  return { reply, bound: readAddress(cursor, NO_ADDRESS) };
});

/** `reply` is any octet: an upstream's reply passes unchanged. */
export function encodeReply(reply: number, bound: Address = NO_ADDRESS): Uint8Array {
  return message(reply, bound);
}

function message(code: number, address: Address): Uint8Array {
  const out = encodeAddress(address, 3);
  out[0] = SOCKS_VERSION;
  out[1] = code;
  return out;
}

/** RSV is 00 by the RFC; other values are ignored. */
function skipReserved(cursor: Cursor): void {
  cursor.u8();
}

function expectVersion(version: number): void {
  if (version === SOCKS_VERSION) return;
  throw new ProtocolError(`Cannot read a request: VER ${version}, not ${SOCKS_VERSION}`);
}
