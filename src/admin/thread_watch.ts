import { addressText } from "../protocol/address.ts";
import type { Emit } from "../events.ts";
import { type AcceptFacts, type NamesFacts, noNamesFacts, type ThreadVitals } from "./readiness.ts";

/** Stores one thread's facts for readiness: the results of lookups, and whether listeners accept. */
export class ThreadWatch {
  readonly #now: () => number;
  #names = noNamesFacts;
  /** Listeners that cannot accept. */
  readonly #failing = new Map<string, AcceptFacts>();

  /** `now` returns ms since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get vitals(): ThreadVitals {
    return { names: this.#names, accept: allAccept([...this.#failing.values()]) };
  }

  readonly listen: Emit = (event) => {
    switch (event.type) {
      case "dns-asked":
        if (event.outcome === "failed") this.#names = failedAgain(this.#names, this.#now());
        else if (event.outcome !== "called-off") this.#names = { ...noNamesFacts, answeredAt: this.#now() };
        break;
      case "accept-failed":
      case "accept-failing": {
        const key = addressText(event.addr), now = this.#now();
        this.#failing.set(key, { failingSince: this.#failing.get(key)?.failingSince ?? now, failedAt: now });
        break;
      }
      case "accept-recovered":
        this.#failing.delete(addressText(event.addr));
        break;
      case "reconfigured": // resolvers and listeners may be different from now on
        this.#names = noNamesFacts;
        this.#failing.clear();
        break;
    }
  };
}

/** The combined facts of several listeners or threads that cannot accept; undefined if there are none. */
export function allAccept(failing: readonly AcceptFacts[]): AcceptFacts | undefined {
  if (failing.length === 0) return undefined;
  return {
    failingSince: Math.min(...failing.map(({ failingSince }) => failingSince)),
    failedAt: Math.max(...failing.map(({ failedAt }) => failedAt)),
  };
}

/** The combined facts of several threads: an answer to one thread clears earlier failures of the others. */
export function allNames(threads: readonly NamesFacts[]): NamesFacts {
  const answeredAt = Math.max(...threads.map((facts) => facts.answeredAt));
  const failing = threads.filter(({ failures, failedAt }) => failures > 0 && failedAt > answeredAt);
  if (failing.length === 0) return { ...noNamesFacts, answeredAt };
  return {
    answeredAt,
    failures: failing.reduce((sum, { failures }) => sum + failures, 0),
    failingSince: Math.max(answeredAt, Math.min(...failing.map(({ failingSince }) => failingSince))),
    failedAt: Math.max(...failing.map(({ failedAt }) => failedAt)),
  };
}

function failedAgain({ answeredAt, failures, failingSince }: NamesFacts, now: number): NamesFacts {
  return { answeredAt, failures: failures + 1, failingSince: failures > 0 ? failingSince : now, failedAt: now };
}
