import type { Library } from "../kernel/libc/library.ts";
import type { GssHandle } from "./gss_library.ts";

type Words = BigUint64Array<ArrayBuffer>;

/** Memory that the library knows by address: referenced for as long as the library may read it. */
export type Held = unknown[];

/** struct gss_OID_desc { uint32 length; void *elements }, of the octets in DER without tag and length. */
export function oidWords(library: Library, octets: readonly number[], held: Held): Words {
  const elements = Uint8Array.from(octets);
  held.push(elements);
  return BigUint64Array.of(BigInt(octets.length), BigInt(library.addressOf(elements.buffer)));
}

/** struct gss_OID_set_desc { size_t count; gss_OID elements } */
export function oidSetWords(library: Library, oids: readonly Words[], held: Held): Words {
  const elements = BigUint64Array.from(oids.flatMap((oid) => Array.from(oid)));
  held.push(elements);
  return BigUint64Array.of(BigInt(oids.length), BigInt(library.addressOf(elements.buffer)));
}

/** struct gss_key_value_set_desc { uint32 count; struct { const char *key, *value } *elements } */
export function keyValueWords(library: Library, entries: Readonly<Record<string, string>>, held: Held): Words {
  const texts = Object.entries(entries).flat().map((text) => new TextEncoder().encode(`${text}\0`));
  const elements = BigUint64Array.from(texts.map(({ buffer }) => BigInt(library.addressOf(buffer))));
  held.push(texts, elements);
  return BigUint64Array.of(BigInt(texts.length / 2), BigInt(library.addressOf(elements.buffer)));
}

/** A handle that the library writes, and takes back to release it. */
export class Slot {
  readonly words: Words = new BigUint64Array(1);
  readonly #library: Library;
  #handle: GssHandle = null;

  constructor(library: Library, address = 0n) {
    this.#library = library;
    this.words[0] = address;
  }

  get isEmpty(): boolean {
    return this.words[0] === 0n;
  }

  get address(): bigint {
    return this.words[0]!;
  }

  get handle(): GssHandle {
    return this.#handle ??= this.#library.pointerAt(this.words[0]!);
  }
}
