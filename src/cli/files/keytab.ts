import { ConfigError } from "../../config/config_error.ts";
import { readBytes } from "./text_file.ts";

/** A key of a service in a keytab; the key itself is not kept. */
export interface KeytabKey {
  /** As rcmd/gw.example.org@EXAMPLE.ORG. */
  readonly principal: string;
  /** Key version number: a ticket is encrypted with the key of one version. */
  readonly kvno: number;
  readonly enctype: number;
}

/** Names of encryption types (RFC 3961, RFC 8009, RFC 6803, RFC 4757). */
const enctypeNames: Readonly<Record<number, string>> = {
  16: "des3-cbc-sha1",
  17: "aes128-cts-hmac-sha1-96",
  18: "aes256-cts-hmac-sha1-96",
  19: "aes128-cts-hmac-sha256-128",
  20: "aes256-cts-hmac-sha384-192",
  23: "arcfour-hmac",
  25: "camellia128-cts-cmac",
  26: "camellia256-cts-cmac",
};

/** Encryption types with the tokens of RFC 4121, whose key the acceptor makes. */
const good: ReadonlySet<number> = new Set([17, 18, 19, 20, 25, 26]);

export function enctypeName(enctype: number): string {
  return enctypeNames[enctype] ?? `enctype ${enctype}`;
}

/** The principals, versions and encryption types of the keys; one line for each version. */
export function keyTexts(keys: readonly KeytabKey[]): readonly string[] {
  const kinds = Map.groupBy(keys, ({ principal, kvno }) => `${principal}, kvno ${kvno}`);
  return Array.from(kinds, ([key, all]) => `${key}: ${all.map(({ enctype }) => enctypeName(enctype)).join(", ")}`);
}

/** The keys in the file for a service, as rcmd or rcmd@host, or for any service. Rejects with ConfigError if none is usable. */
export async function readKeytab(file: string, service?: string): Promise<readonly KeytabKey[]> {
  const keys = parseKeytab(await readBytes(file), file);
  const [name, host] = service?.split("@") ?? [];
  const prefix = name === undefined ? "" : `${name}/${host === undefined ? "" : `${host}@`}`;
  const wanted = keys.filter(({ principal }) => principal.startsWith(prefix));
  if (wanted.length === 0) {
    const others = [...new Set(keys.map(({ principal }) => principal))].join(", ");
    throw new ConfigError(
      keys.length === 0
        ? `Cannot use ${file}: no key in it`
        : `Cannot use ${file}: no key of the service ${service} in it, only of ${others}`,
    );
  }
  if (!wanted.some(({ enctype }) => good.has(enctype))) {
    const kinds = [...new Set(wanted.map(({ enctype }) => enctypeName(enctype)))].join(", ");
    throw new ConfigError(`Cannot use ${file}: its keys are only of ${kinds}; keys of AES are wanted`);
  }
  return wanted;
}

/** The keys of a keytab of version 2, as MIT and Heimdal write it. Throws ConfigError. */
export function parseKeytab(bytes: Uint8Array, file: string): readonly KeytabKey[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 2 || view.getUint16(0) !== 0x0502) throw new ConfigError(`Cannot use ${file}: it is not a keytab`);
  const keys: KeytabKey[] = [];
  try {
    for (let at = 2; at + 4 <= bytes.length;) {
      const size = view.getInt32(at);
      at += 4;
      if (size > 0) keys.push(keyAt(bytes.subarray(at, at + size), size));
      at += Math.abs(size); // a removed entry has a negative size
    }
  } catch (error) {
    if (error instanceof RangeError) throw new ConfigError(`Cannot use ${file}: the keytab is incomplete`);
    throw error;
  }
  return keys;
}

/** Throws RangeError if the entry is truncated. */
function keyAt(entry: Uint8Array, size: number): KeytabKey {
  if (entry.length < size) throw new RangeError();
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  let at = 2;
  const text = () => {
    const length = view.getUint16(at), from = at + 2;
    at = from + length;
    if (at > entry.length) throw new RangeError();
    return new TextDecoder().decode(entry.subarray(from, at));
  };
  const count = view.getUint16(0), realm = text();
  const name = Array.from({ length: count }, text).join("/");
  at += 8; // the name type and the time of writing
  const short = view.getUint8(at), enctype = view.getUint16(at + 1);
  at += 3;
  at += 2 + view.getUint16(at);
  const kvno = at + 4 <= entry.length ? view.getUint32(at) || short : short;
  return { principal: `${name}@${realm}`, kvno, enctype };
}
