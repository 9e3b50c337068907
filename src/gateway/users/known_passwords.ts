import type { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Of so many the last one used is known. */
const MAX_KNOWN = 1 << 16;

/** Passwords that were good once, as keyed digests that live in this process only. */
export class KnownPasswords {
  readonly #digests = new Map<string, Buffer>();
  readonly #key = randomBytes(32);

  /** What stands for `password`, which was good by `hash` or will be tried by it. */
  digest(password: Uint8Array, hash?: Uint8Array): Buffer {
    const hmac = createHmac("sha256", this.#key);
    if (hash) hmac.update(hash);
    return hmac.update(password).digest();
  }

  /** Whether any is known for `whom`. */
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
