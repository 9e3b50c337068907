import { type Method, SOCKS_VERSION } from "./codes.ts";
import { decoder } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** VER of the username/password sub-negotiation (RFC 1929 s2). */
const SUBNEGOTIATION_VERSION = 1;

/** The client's offer (RFC 1928 s3). */
export interface Greeting {
  /** Method octets in the client's order; may be empty or hold unknown numbers. */
  readonly methods: readonly number[];
}

/** Credentials of RFC 1929 s2. Octets, since neither field has a charset; never to be logged. */
export interface Credentials {
  /** 1 to 255 octets; `usernameText()` reads them. */
  readonly username: Uint8Array;
  /** 1 to 255 octets. */
  readonly password: Uint8Array;
}

/** A name as text that keeps every octet; undefined if it is not a valid name. */
export function usernameText({ username }: Pick<Credentials, "username">): string | undefined {
  try {
    return strict.decode(username);
  } catch {
    return undefined;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const decodeGreeting = decoder<Greeting>((cursor) => {
  expectVersion(cursor.u8());
  const methods: number[] = [];
  for (let left = cursor.u8(); left > 0; left--) methods.push(cursor.u8());
  return { methods };
});

/** Throws RangeError beyond 255 methods. */
export function encodeGreeting(greeting: Greeting): Uint8Array {
  return Uint8Array.of(SOCKS_VERSION, octet(greeting.methods.length, "methods"), ...greeting.methods);
}

/** The gateway's choice (RFC 1928 s3); any octet passes unchanged. */
export const decodeMethodSelection = decoder<number>((cursor) => {
  expectVersion(cursor.u8());
  return cursor.u8();
});

/** The same octets each time, so do not write to them. */
export function encodeMethodSelection(method: Method): Uint8Array {
  return selections[method] ??= Uint8Array.of(SOCKS_VERSION, method);
}

const selections: Uint8Array[] = [];

export const decodeCredentials = decoder<Credentials>((cursor) => {
  expectSubnegotiation(cursor.u8());
  const username = cursor.view(cursor.u8()).slice();
  const password = cursor.view(cursor.u8()).slice();
  return { username, password };
});

/** Throws RangeError where a field is longer than 255 octets. */
export function encodeCredentials({ username, password }: Credentials): Uint8Array {
  return Uint8Array.of(
    SUBNEGOTIATION_VERSION,
    octet(username.length, "username octets"),
    ...username,
    octet(password.length, "password octets"),
    ...password,
  );
}

/** STATUS of RFC 1929 s2: 0 is success, anything else is failure. */
export const decodeStatus = decoder<number>((cursor) => {
  expectSubnegotiation(cursor.u8());
  return cursor.u8();
});

export function encodeStatus(status: number): Uint8Array {
  return Uint8Array.of(SUBNEGOTIATION_VERSION, status);
}

function expectVersion(version: number): void {
  if (version === SOCKS_VERSION) return;
  throw new ProtocolError(`Cannot read a greeting: VER ${version}, not ${SOCKS_VERSION}`);
}

function expectSubnegotiation(version: number): void {
  if (version === SUBNEGOTIATION_VERSION) return;
  throw new ProtocolError(`Cannot read credentials: VER ${version}, not ${SUBNEGOTIATION_VERSION}`);
}

function octet(length: number, what: string): number {
  if (length > 255) throw new RangeError(`Cannot encode ${length} ${what}: at most 255`);
  return length;
}
