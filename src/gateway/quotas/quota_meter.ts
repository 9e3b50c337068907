import type { SessionRecord } from "../../events.ts";

/** What a user's sessions have relayed since that was last asked for, in octets. */
export interface Usage {
  /** As the client's method vouches for it. */
  readonly user: string;
  /** Of payload, in both directions. */
  readonly bytes: number;
}

/** @internal */
type Metered = Pick<SessionRecord, "username" | "counts">;

/** Counts, in one thread, the octets of users with a quota; the keeper of the sum reports which quotas are used up. */
export class QuotaMeter {
  /** Running sessions, and the octets of each that were reported. */
  readonly #open = new Map<Metered, number>();
  /** Of those that have ended since. */
  readonly #ended = new Map<string, number>();
  #usedUp: ReadonlyMap<string, string> = new Map();

  /** By user until when; they get no more sessions. */
  set usedUp(until: ReadonlyMap<string, string>) {
    this.#usedUp = until;
  }

  /** Until when the quota of `user` is used up, as people write it; undefined where it is not. */
  usedUpUntil(user: string | undefined): string | undefined {
    return user === undefined ? undefined : this.#usedUp.get(user);
  }

  /** Counts that session from now on, until the returned function is called. */
  count(session: Metered): () => void {
    this.#open.set(session, 0);
    return () => {
      const told = this.#open.get(session);
      if (told === undefined) return;
      this.#open.delete(session);
      this.#add(session, told);
    };
  }

  /** What came since this was last called. */
  take(): readonly Usage[] {
    for (const [session, told] of this.#open) this.#open.set(session, this.#add(session, told));
    const usage = Array.from(this.#ended, ([user, bytes]) => ({ user, bytes }));
    this.#ended.clear();
    return usage;
  }

  /** Octets reported so far. */
  #add({ username, counts }: Metered, told: number): number {
    const moved = counts.up + counts.down;
    if (moved > told) this.#ended.set(username!, (this.#ended.get(username!) ?? 0) + moved - told);
    return moved;
  }
}
