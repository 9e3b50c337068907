import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Credentials } from "../protocol/negotiation.ts";
import type { Authenticator } from "./methods.ts";
import { costFactor, decoyHash, type PasswordHash, verifyPassword } from "./password_hash.ts";

/** Hashings under way at one time: each takes tens of ms of a core and 32 MiB, and strangers can ask for them. */
const MAX_HASHING = 2;

/** Passwords that were good once, by a keyed digest that lives in this process only. */
export class KnownPasswords {
  readonly #digests = new Map<string, Buffer>();
  readonly #key = randomBytes(32);

  has(user: string, password: Uint8Array): boolean {
    const known = this.#digests.get(user);
    return known !== undefined && timingSafeEqual(known, this.#digest(password));
  }

  add(user: string, password: Uint8Array): void {
    this.#digests.set(user, this.#digest(password));
  }

  #digest(password: Uint8Array): Buffer {
    return createHmac("sha256", this.#key).update(password).digest();
  }
}

/**
 * Users with hashed passwords. A good password is hashed once and then known, so that clients which authenticate every
 * connection cost little; a wrong one always pays the whole hash.
 */
export class Users implements Authenticator {
  readonly #hashes: ReadonlyMap<string, PasswordHash>;
  readonly #known = new KnownPasswords();
  /** Tried for a name nobody has. */
  readonly #decoy: PasswordHash;
  readonly #verifyPassword: typeof verifyPassword;
  readonly #queue: (() => void)[] = [];
  #hashing = 0;

  /** `verify` hashes a password, and takes its time for that. */
  constructor(hashes: ReadonlyMap<string, PasswordHash>, verify = verifyPassword) {
    this.#hashes = hashes;
    this.#verifyPassword = verify;
    const costliest = Array.from(hashes.values()).sort((a, b) => costFactor(b) - costFactor(a))[0];
    this.#decoy = decoyHash(costliest);
  }

  async verify({ username, password }: Credentials, isWanted: () => boolean): Promise<boolean> {
    const user = Buffer.from(username).toString("utf8");
    if (this.#known.has(user, password)) return true;
    const expected = this.#hashes.get(user);
    await this.#turn();
    try {
      if (!isWanted()) return false;
      const good = await this.#verifyPassword(password, expected ?? this.#decoy);
      if (!good || !expected) return false;
      this.#known.add(user, password);
      return true;
    } finally {
      this.#hashing--;
      this.#queue.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    while (this.#hashing >= MAX_HASHING) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#hashing++;
  }
}
