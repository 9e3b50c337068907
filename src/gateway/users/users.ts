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

/** After a wrong guess of a client with too many failures, the next one for that user waits so long (ms). */
const GUESS_MS = 500;

const GOOD: Verdict = { good: true }, TOO_MANY: Verdict = { good: false, tooMany: true };

/** Options of Users besides their hashes. */
export interface UsersOptions {
  /** How many wrong passwords a client may try. */
  readonly settings?: FailureSettings;
  /**
   * State of the same users from before.
   * @internal
   */
  readonly logins?: Logins;
}

/** One login attempt. */
interface Try {
  readonly client: string;
  readonly host: string;
  readonly user: string;
  readonly password: Uint8Array;
  /** Undefined if there is no such user, or if no user can have this password. */
  readonly expected: PasswordHash | undefined;
  readonly digest: Buffer;
}

/**
 * Users with hashed passwords. A right password is hashed once and then remembered, so that clients that authenticate each
 * connection cost little; a wrong one always takes a whole hash, until its client has failed too often.
 */
export class Users implements Authenticator {
  readonly #hashes: ReadonlyMap<string, PasswordHash>;
  readonly #logins: Logins;
  readonly #failures: Failures;
  /** Checked for unknown user names. */
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

  /** True if there is a user of that name. */
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
    // If the user's password is remembered, this guess is wrong already: it counts, whether or not its client waits.
    const guessed = known.knows(knownAs(one)) && !tries.has(key);
    const work = guessed ? this.#wrong(one, this.#failures.add(host, one.user)) : () => this.#hash(one);
    return await tries.ask(key, { client: one.client, user: one.user }, cut, work);
  }

  /** Takes as long as a guess for a user whose password is not remembered. */
  #wrong({ password, expected }: Try, waitMs: number): () => Promise<Verdict> {
    return async () => {
      await this.#logins.check(password, expected ?? this.#decoy);
      return { good: false, waitMs };
    };
  }

  /** Runs in a turn in which no other password of this client is checked, so the limit is exact. */
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
   * For a client with too many failures: only passwords accepted from there before are. Other users behind the same address must
   * still get in, and guesses must not, so attempts for one user are queued.
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
