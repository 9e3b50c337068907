import type { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Maximum entries; the least recently used one is dropped. */
const MAX_KNOWN = 1 << 16;

/** Passwords that were accepted once, as keyed digests that exist in this process only. */
export class KnownPasswords {
  readonly #digests = new Map<string, Buffer>();
  readonly #key = randomBytes(32);

  /** The digest of `password`, checked against `hash`. */
  digest(password: Uint8Array, hash?: Uint8Array): Buffer {
    const hmac = createHmac("sha256", this.#key);
    if (hash) hmac.update(hash);
    return hmac.update(password).digest();
  }

  /** True if one is known for `whom`. */
  knows(whom: string): boolean {
    return this.#digests.has(whom);
  }

  has(whom: string, digest: Buffer): boolean {
    const known = this.#digests.get(whom);
    return known !== undefined && timingSafeEqual(known, digest);
  }

  forget(whom: string): void {
    this.#digests.delete(whom);
  }

  add(whom: string, digest: Buffer): void {
    this.#digests.delete(whom);
    this.#digests.set(whom, digest);
    if (this.#digests.size <= MAX_KNOWN) return;
    const [oldest] = this.#digests.keys() as Iterable<string> as [string];
    this.#digests.delete(oldest);
  }
}
