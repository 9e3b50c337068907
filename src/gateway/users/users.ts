import { Buffer } from "node:buffer";
import type { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import { household } from "../../protocol/ip/household.ts";
import { type Credentials, usernameText } from "../../protocol/negotiation.ts";
import { Failures, type FailureSettings } from "../limits/failures.ts";
import { Logins } from "./logins.ts";
import type { Authenticator, Verdict } from "../entrance/methods.ts";
import { costFactor, decoyHash, isDistinct, type PasswordHash } from "./password_hash.ts";
import { defaultSettings } from "../settings.ts";

/** A wrong guess of a client that has tried too many keeps the next one of that user waiting for so long (ms). */
const GUESS_MS = 500;

const GOOD: Verdict = { good: true }, TOO_MANY: Verdict = { good: false, tooMany: true };

/** What Users may be told besides their hashes. */
export interface UsersOptions {
  /** How many wrong passwords a client may try. */
  readonly settings?: FailureSettings;
  /**
   * What others may know of the same users already.
   * @internal
   */
  readonly logins?: Logins;
}

/** One try to log in. */
interface Try {
  readonly client: string;
  readonly host: string;
  readonly user: string;
  readonly password: Uint8Array;
  /** Undefined where there is no such user, or where it cannot be the password of any. */
  readonly expected: PasswordHash | undefined;
  readonly digest: Buffer;
}

/**
 * Users with hashed passwords. A good password is hashed once and then known, so that clients which authenticate every
 * connection cost little; a wrong one always pays the whole hash, until its client has tried too many.
 */
export class Users implements Authenticator {
  readonly #hashes: ReadonlyMap<string, PasswordHash>;
  readonly #logins: Logins;
  readonly #failures: Failures;
  /** Tried for a name nobody has. */
  readonly #decoy: PasswordHash;

  /** The hashes by username. */
  constructor(
    hashes: ReadonlyMap<string, PasswordHash>,
    { settings = defaultSettings, logins = new Logins() }: UsersOptions = {},
  ) {
    this.#hashes = hashes;
    this.#logins = logins;
    this.#failures = new Failures(logins.counters, logins.clock, settings);
    let costliest: PasswordHash | undefined;
    for (const hash of hashes.values()) {
      if (!costliest || costFactor(hash) > costFactor(costliest)) costliest = hash;
    }
    this.#decoy = decoyHash(costliest);
  }

  /** Whether there is a user of that name. */
  has(user: string): boolean {
    return this.#hashes.has(user);
  }

  /** As Authenticator has it. */
  async verify(credentials: Credentials, host: string, cut?: Cut): Promise<Verdict> {
    const { known, tries } = this.#logins;
    const { password } = credentials;
    const user = usernameText(credentials);
    const expected = user !== undefined && isDistinct(password) ? this.#hashes.get(user) : undefined;
    const digest = known.digest(password, expected?.hash);
    const one: Try = { client: household(host), host, user: user ?? "", password, expected, digest };
    if (this.#failures.areTooMany(host)) return await this.#again(one, cut);
    if (known.has(knownAs(one), digest)) return this.#good(one);
    const key = `${one.client} ${digest.toString("base64")} ${one.user}`;
    // Whose password is known has had an answer to this guess already: it counts, whether or not its client waits for another.
    const guessed = known.knows(knownAs(one)) && !tries.has(key);
    const work = guessed ? this.#wrong(one, this.#failures.add(host, one.user)) : () => this.#hash(one);
    return await tries.ask(key, { client: one.client, user: one.user }, cut, work);
  }

  /** What takes as long as a guess at a user whose password is not known. */
  #wrong({ password, expected }: Try, waitMs: number): () => Promise<Verdict> {
    return async () => {
      await this.#logins.check(password, expected ?? this.#decoy);
      return { good: false, waitMs };
    };
  }

  /** In its turn, in which nothing else of this client is tried: so none passes that is one too many. */
  async #hash(one: Try): Promise<Verdict> {
    const { host, user, password, expected, digest } = one;
    const { known, check } = this.#logins;
    if (this.#failures.areTooMany(host)) return TOO_MANY;
    if (known.has(knownAs(one), digest)) return this.#good(one);
    const good = await check(password, expected ?? this.#decoy);
    if (!good || !expected) return { good: false, waitMs: this.#failures.add(host, user) };
    known.add(knownAs(one), digest);
    return this.#good(one);
  }

  #good(one: Try): Verdict {
    this.#logins.seen.add(seenAs(one), one.digest);
    this.#failures.forgive(one.host, one.user);
    return GOOD;
  }

  /**
   * Of a client that has tried too many: only what was good from there before is. Whoever shares its address has to be let
   * in, and guesses must not be, so those of one user have their turns.
   */
  async #again(one: Try, cut: Cut | undefined): Promise<Verdict> {
    const { seen, oneByOne, clock } = this.#logins;
    const whom = seenAs(one);
    if (!one.expected || !seen.knows(whom)) return TOO_MANY;
    try {
      const end = await oneByOne.turn({ client: one.client, user: one.user }, cut);
      if (!seen.has(whom, one.digest)) {
        clock.after(GUESS_MS, end);
        return TOO_MANY;
      }
      end();
      return GOOD;
    } catch (error) {
      if (error instanceof NetError && error.kind === "busy") return TOO_MANY;
      throw error;
    }
  }
}

function knownAs({ user, expected }: Try): string {
  return `${Buffer.from(expected?.hash ?? []).toString("base64")} ${user}`;
}

function seenAs({ client, user }: Try): string {
  return `${client} ${user}`;
}
