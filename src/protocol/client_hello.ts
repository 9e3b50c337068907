import { Reply } from "./codes.ts";
import { ProtocolError } from "./protocol_error.ts";

/** The parts of a TLS client's first message (RFC 8446 s4.1.2) that matter here; none of them is secret. */
export interface ClientHello {
  /** The requested host_name (RFC 6066 s3), octets as latin1 text; undefined if there is none. */
  readonly serverName: string | undefined;
}

/** ContentType handshake (RFC 8446 s5.1): the first octet of a conversation in TLS. */
export const TLS_HANDSHAKE = 0x16;

/** Limits of a ClientHello: octets, and records. */
const MAX_SIZE = 64 << 10, MAX_RECORDS = 1_024;

/** Octets of an unencrypted record (RFC 8446 s5.1). */
const MAX_RECORD_SIZE = 1 << 14;

const RECORD_HEADER = 5, MESSAGE_HEADER = 4;

const CLIENT_HELLO = 1, SERVER_NAME = 0, HOST_NAME = 0;

/** Alerts (RFC 8446 s6.2). */
export const TlsAlert = { InternalError: 80, UnrecognizedName: 112 } as const;
export type TlsAlert = (typeof TlsAlert)[keyof typeof TlsAlert];

/** A fatal alert, which ends the conversation. */
export function encodeTlsAlert(alert: TlsAlert): Uint8Array {
  return Uint8Array.of(0x15, 3, 3, 0, 2, 2, alert);
}

/**
 * The ClientHello at the head of `bytes`, in any number of records; undefined while it is incomplete. Throws ProtocolError at the
 * first octet that cannot belong to one.
 */
export function decodeClientHello(bytes: Uint8Array): ClientHello | undefined {
  const parts: Uint8Array[] = [];
  let gathered = 0, wanted = MESSAGE_HEADER, at = 0;
  for (let records = 0; gathered < wanted; records++) {
    if (records >= MAX_RECORDS) throw wrong(`it is in more than ${MAX_RECORDS} records`);
    checkRecord(bytes, at);
    if (bytes.length < at + RECORD_HEADER) return undefined;
    const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    if (length === 0 || length > MAX_RECORD_SIZE) throw wrong(`a record of it has ${length} octets`);
    const part = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    parts.push(part);
    if (gathered < MESSAGE_HEADER) {
      const head = joinedTo(MESSAGE_HEADER, parts);
      if (head.length > 0 && head[0] !== CLIENT_HELLO) throw wrong("its first message is another");
      if (head.length === MESSAGE_HEADER) wanted += (head[1]! << 16) | (head[2]! << 8) | head[3]!;
    }
    gathered += part.length;
    at += RECORD_HEADER + length;
    if (wanted > MAX_SIZE) throw wrong(`it is over ${MAX_SIZE} octets`);
    if (part.length < length && gathered < wanted) return undefined;
  }
  return { serverName: serverNameIn(joinedTo(wanted, parts).subarray(MESSAGE_HEADER)) };
}

/** The part of a record's header that has come: type and version. */
function checkRecord(bytes: Uint8Array, at: number): void {
  const [type = TLS_HANDSHAKE, major = 3] = bytes.subarray(at, at + 2);
  if (type !== TLS_HANDSHAKE || major !== 3) throw wrong("its first octets are not TLS");
}

/** The first `size` octets of `parts`, or as many as there are. */
function joinedTo(size: number, parts: readonly Uint8Array[]): Uint8Array {
  if (parts[0]!.length >= size) return parts[0]!.subarray(0, size);
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    const fitting = part.subarray(0, size - at);
    all.set(fitting, at);
    at += fitting.length;
  }
  return all.subarray(0, at);
}

function serverNameIn(hello: Uint8Array): string | undefined {
  const body = new Fields(hello);
  body.take(2 + 32); // legacy_version, random
  body.vector(1); // legacy_session_id
  body.vector(2); // cipher_suites
  body.vector(1); // legacy_compression_methods
  if (body.over) return undefined; // TLS without extensions
  const extensions = body.vector(2);
  if (!body.over) throw wrong("something is behind its extensions");
  let name: string | undefined, seen = false;
  while (!extensions.over) {
    const type = extensions.number(2), value = extensions.vector(2);
    if (type !== SERVER_NAME) continue;
    if (seen) throw wrong("it names its server twice");
    seen = true;
    name = hostNameIn(value);
  }
  return name;
}

/** Only one type of name is defined, and a list holds at most one of each type (RFC 6066 s3). */
function hostNameIn(value: Fields): string | undefined {
  const list = value.vector(2);
  if (!value.over) throw wrong("something is behind its server's name");
  let name: string | undefined;
  while (!list.over) {
    const type = list.number(1), octets = list.vector(2).rest();
    if (type !== HOST_NAME) continue;
    if (name !== undefined) throw wrong("it names its server twice");
    name = String.fromCharCode(...octets);
  }
  return name;
}

/** Fields of a complete message. Throws ProtocolError when a field goes beyond its end. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get over(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(size: number): Uint8Array {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw wrong("a field of it is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  number(size: number): number {
    return this.take(size).reduce((value, octet) => (value << 8) | octet, 0);
  }

  /** The vector behind a length field of so many octets (RFC 8446 s3.4). */
  vector(lengthSize: number): Fields {
    return new Fields(this.take(this.number(lengthSize)));
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at);
  }
}

function wrong(state: string): ProtocolError {
  return new ProtocolError(`Cannot read a ClientHello: ${state}`, Reply.GeneralFailure);
}
