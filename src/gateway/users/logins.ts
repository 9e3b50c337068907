import { type Clock, systemClock } from "../../net/clock.ts";
import { type Bounds, FairQueue } from "../../turns/fair_queue.ts";
import { SharedWork } from "../../turns/shared_work.ts";
import { KnownPasswords } from "./known_passwords.ts";
import { Counters } from "../limits/counters.ts";
import type { Verdict } from "../entrance/methods.ts";
import { type PasswordHash, verifyPassword } from "./password_hash.ts";

/** Maximum concurrent hashes: each takes tens of ms of a core and 32 MiB, and strangers can cause them. */
const HASHING: Bounds = { all: 2, client: 1, user: 1 };

/** Maximum waiting hashes: as many as finish before the first of them times out. */
const WAITING: Bounds = { all: 512, client: 256, user: 64 };

/** Questions to somebody outside at one time, of one client one after the other: so none passes that is one too many. */
const OUTSIDE: Bounds = { all: 4, client: 1, user: 1 };

/** For a client with too many failures, one password per user is checked at a time. */
const ONE_BY_ONE: Bounds = { all: Infinity, client: Infinity, user: 1 };
const FEW_WAITING: Bounds = { all: 1_024, client: 128, user: 16 };

export type CheckPassword = (password: Uint8Array, expected: PasswordHash) => Promise<boolean>;

export interface LoginsParts {
  readonly clock?: Clock;
  /** This thread's own, which counts the failures of all threads. */
  readonly counters?: Counters;
  readonly check?: CheckPassword;
}

/** State of logins and their queues: it outlives a configuration. */
export class Logins {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly check: CheckPassword;
  /** By user and hash. */
  readonly known: KnownPasswords = new KnownPasswords();
  /** By client and user: users who have logged in from there. */
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
