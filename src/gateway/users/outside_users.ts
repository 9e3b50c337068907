import type { Cut } from "../../net/cut.ts";
import { household } from "../../protocol/ip/household.ts";
import { type Credentials, usernameText } from "../../protocol/negotiation.ts";
import { Failures, type FailureSettings } from "../limits/failures.ts";
import type { Authenticator, Verdict } from "../entrance/methods.ts";
import type { Users } from "./users.ts";
import { KnownPasswords } from "./known_passwords.ts";
import type { Logins } from "./logins.ts";

/** What somebody outside is asked. */
export interface OutsideQuestion {
  readonly user: string;
  readonly password: Uint8Array;
  /** The client's address. */
  readonly client: string;
}

/** Asks another program or server whether the user has that password. Rejects with NetError without an answer. */
export type AskOutside = (question: OutsideQuestion) => Promise<boolean>;

export interface OutsideOptions {
  readonly ask: AskOutside;
  readonly settings: FailureSettings;
  /** Whose failures and turns they are. */
  readonly logins: Logins;
  /** How long an accepted password is not asked again (ms). */
  readonly keepMs: number;
  /** Users that are known here, and not asked for outside. */
  readonly inside?: Pick<Users, "has" | "verify"> | undefined;
}

const TOO_MANY: Verdict = { good: false, tooMany: true };

/** Other threads ask each time: for how long it holds is known here alone. */
const GOOD: Verdict = { good: true, fleeting: true };

/** Users whom somebody outside of the program knows. What was good is known for a while, and what was wrong is never. */
export class OutsideUsers implements Authenticator {
  readonly #options: OutsideOptions;
  readonly #failures: Failures;
  /** By user. */
  readonly #known = new KnownPasswords();
  /** By user and client: users who have logged in from there. */
  readonly #seen = new KnownPasswords();
  /** Until when what is known of a user holds (ms of the clock); of users that are known. */
  readonly #until = new Map<string, number>();

  constructor(options: OutsideOptions) {
    this.#options = options;
    const { counters, clock } = options.logins;
    this.#failures = new Failures(counters, clock, options.settings);
  }

  async verify(credentials: Credentials, host: string, cut: Cut): Promise<Verdict> {
    const { ask, inside, logins, keepMs } = this.#options;
    const { password } = credentials;
    const user = usernameText(credentials);
    if (user !== undefined && inside?.has(user)) return await inside.verify(credentials, host, cut);
    const client = household(host);
    const digest = this.#known.digest(password);
    const from = `${client} ${user}`;
    const isKnown = () => user !== undefined && this.#holds(user) && this.#known.has(user, digest);
    if (this.#failures.areTooMany(host)) return isKnown() && this.#seen.has(from, digest) ? GOOD : TOO_MANY;
    if (isKnown()) return this.#good(from, digest, host, user!);
    const key = `${client} ${digest.toString("base64")} ${user}`;
    return await logins.outside.ask(key, { client, user: user ?? "" }, cut, async () => {
      if (this.#failures.areTooMany(host)) return TOO_MANY;
      if (isKnown()) return this.#good(from, digest, host, user!);
      const good = user !== undefined && await ask({ user, password, client: host });
      if (!good) return { good: false, waitMs: this.#failures.add(host, user ?? "") };
      this.#known.add(user, digest);
      this.#until.delete(user);
      if (keepMs > 0) this.#until.set(user, logins.clock.now() + keepMs);
      for (const [other] of this.#until) { // the oldest, as KnownPasswords forgets them too
        if (this.#until.size <= MAX_KNOWN) break;
        this.#until.delete(other);
      }
      return this.#good(from, digest, host, user);
    });
  }

  #holds(user: string): boolean {
    const until = this.#until.get(user);
    if (until !== undefined && this.#options.logins.clock.now() < until) return true;
    this.#until.delete(user);
    return false;
  }

  #good(from: string, digest: ReturnType<KnownPasswords["digest"]>, host: string, user: string): Verdict {
    this.#seen.add(from, digest);
    this.#failures.forgive(host, user);
    return GOOD;
  }
}

/** Users that something is known of. */
const MAX_KNOWN = 1 << 16;
