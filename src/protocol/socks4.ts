import { type Address, nameAddress, octetsAddress, parseIp } from "./address.ts";
import { Command, Reply } from "./codes.ts";
import { type Cursor, decoder } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** SOCKS4, and SOCKS4A with names, by their authors' memos: older than RFC 1928, IPv4 only, one reply for success. */

export const SOCKS4_VERSION = 4;

/** CD of a reply. */
const GRANTED = 90, REJECTED = 91;

/** The protocol bounds neither field. */
const MAX_FIELD_SIZE = 255;

export interface Socks4Request {
  readonly command: typeof Command.Connect | typeof Command.Bind;
  readonly destination: Address;
  /** The client's USERID, unverified. */
  readonly userId: string;
}

const latin1 = new TextDecoder("latin1");

/** Throws ProtocolError. */
export const decodeSocks4Request = decoder<Socks4Request>((cursor) => {
  const version = cursor.u8();
  if (version !== SOCKS4_VERSION) {
    throw new ProtocolError(`Cannot read a request: VER ${version}, not ${SOCKS4_VERSION}`);
  }
  const command = cursor.u8();
  const port = cursor.u16();
  const octets = cursor.view(4).slice();
  const userId = readField(cursor, "USERID");
  const named = octets[0] === 0 && octets[1] === 0 && octets[2] === 0 && octets[3] !== 0;
  const destination = named ? nameAddress(readField(cursor, "the name"), port) : octetsAddress(octets, port);
  if (command !== Command.Connect && command !== Command.Bind) {
    throw new ProtocolError(`Cannot serve command 0x${command.toString(16)} of SOCKS4`, Reply.CommandNotSupported);
  }
  return { command, destination, userId };
});

/** VN 0, CD, port and address; anything but success is 91. Addresses other than IPv4 cannot be sent. */
export function encodeSocks4Reply(reply: number, bound?: Address): Uint8Array {
  const out = new Uint8Array(8);
  out[1] = reply === Reply.Succeeded ? GRANTED : REJECTED;
  const octets = bound && parseIp(bound.host);
  if (octets?.length !== 4) return out;
  out[2] = bound!.port >> 8;
  out[3] = bound!.port & 0xff;
  out.set(octets, 4);
  return out;
}

/** Octets up to a NUL. */
function readField(cursor: Cursor, what: string): string {
  const octets: number[] = [];
  for (let octet = cursor.u8(); octet !== 0; octet = cursor.u8()) {
    octets.push(octet);
    if (octets.length > MAX_FIELD_SIZE) {
      throw new ProtocolError(`Cannot read ${what}: longer than ${MAX_FIELD_SIZE} octets`, Reply.GeneralFailure);
    }
  }
  return latin1.decode(Uint8Array.from(octets));
}
