import { readFileSync } from "node:fs";
import { join } from "node:path";
import { joined } from "../wire/bytes.ts";

/** ClientHellos as programs have sent them. */
export interface TrueHello {
  readonly client: string;
  readonly serverName: string | null;
  readonly bytes: Uint8Array;
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname!, "../../vectors/client_hellos.json"), "utf8"),
) as readonly { readonly client: string; readonly serverName: string | null; readonly hex: string }[];

export const trueHellos: readonly TrueHello[] = vectors.map(({ hex, ...rest }) => ({
  ...rest,
  bytes: Uint8Array.from(hex.match(/../g)!, (octet) => Number.parseInt(octet, 16)),
}));

/** A ClientHello that asks for `name`, and nothing else. */
export function helloFor(name: string): Uint8Array {
  const host = new TextEncoder().encode(name);
  const entry = vector(2, joined(Uint8Array.of(0), vector(2, host)));
  return helloWith(joined(Uint8Array.of(0, 0), vector(2, entry)));
}

/** A ClientHello with these extensions. */
export function helloWith(extensions: Uint8Array): Uint8Array {
  const body = joined(
    Uint8Array.of(3, 3),
    new Uint8Array(32),
    vector(1, new Uint8Array(0)),
    vector(2, Uint8Array.of(0x13, 0x01)),
    vector(1, Uint8Array.of(0)),
    vector(2, extensions),
  );
  return inRecords(joined(Uint8Array.of(1), vector(3, body)), 1 << 14);
}

/** A handshake message in records of at most so many octets. */
export function inRecords(message: Uint8Array, size: number): Uint8Array {
  const records: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += size) {
    records.push(Uint8Array.of(22, 3, 1), vector(2, message.subarray(at, at + size)));
  }
  return joined(...records);
}

/** What the records of `hello` carry, where there is one. */
export function messageOf(hello: Uint8Array): Uint8Array {
  return hello.subarray(5);
}

/** `value` behind its length. */
export function vector(lengthSize: number, value: Uint8Array): Uint8Array {
  const length = Array.from({ length: lengthSize }, (_, i) => (value.length >> 8 * (lengthSize - 1 - i)) & 0xff);
  return joined(Uint8Array.from(length), value);
}
