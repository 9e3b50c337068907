import { type Clock, systemClock } from "../../net/clock.ts";
import { type Bounds, FairQueue } from "../../turns/fair_queue.ts";
import { SharedWork } from "../../turns/shared_work.ts";
import { KnownPasswords } from "./known_passwords.ts";
import { Counters } from "../limits/counters.ts";
import type { Verdict } from "../entrance/methods.ts";
import { type PasswordHash, verifyPassword } from "./password_hash.ts";

/** Hashings at one time: each takes tens of ms of a core and 32 MiB, and strangers can ask for them. */
const HASHING: Bounds = { all: 2, client: 1, user: 1 };

/** Those that wait: as many as are hashed before the first of them has to give up. */
const WAITING: Bounds = { all: 512, client: 256, user: 64 };

/** Questions to somebody outside at one time, of one client one after the other: so none passes that is one too many. */
const OUTSIDE: Bounds = { all: 4, client: 1, user: 1 };

/** Of a client that has tried too many, one user's password is tried at a time. */
const ONE_BY_ONE: Bounds = { all: Infinity, client: Infinity, user: 1 };
const FEW_WAITING: Bounds = { all: 1_024, client: 128, user: 16 };

export type CheckPassword = (password: Uint8Array, expected: PasswordHash) => Promise<boolean>;

export interface LoginsParts {
  readonly clock?: Clock;
  /** Of this thread alone, which counts the failures of all. */
  readonly counters?: Counters;
  readonly check?: CheckPassword;
}

/** What is known of those who log in, and their turns: it outlives the configuration they came by. */
export class Logins {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly check: CheckPassword;
  /** By user and hash. */
  readonly known: KnownPasswords = new KnownPasswords();
  /** By client and user: who has logged in from there. */
  readonly seen: KnownPasswords = new KnownPasswords();
  readonly tries: SharedWork<Verdict> = new SharedWork(new FairQueue("check the password", HASHING, WAITING));
  /** Of those whom somebody outside knows. */
  readonly outside: SharedWork<Verdict> = new SharedWork(new FairQueue("check the password", OUTSIDE, WAITING));
  readonly oneByOne: FairQueue = new FairQueue("check the password", ONE_BY_ONE, FEW_WAITING);

  constructor({ clock = systemClock, counters = new Counters(), check = verifyPassword }: LoginsParts = {}) {
    this.clock = clock;
    this.counters = counters;
    this.check = check;
  }
}
