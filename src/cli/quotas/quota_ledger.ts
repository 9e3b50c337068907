import type { QuotaView } from "../../admin/status.ts";
import { type Quota, quotaWindow } from "../../gateway/quotas/quota.ts";
import type { Usage } from "../../gateway/quotas/quota_meter.ts";
import type { Clock } from "../../net/clock.ts";
import type { QuotaStore, Used } from "./quota_file.ts";

/** What was counted is written so often, if there is something new: that is what a kill -9 may lose (ms). */
export const SAVE_MS = 5_000;

export interface LedgerParts {
  readonly store: QuotaStore;
  /** By which it writes. */
  readonly clock: Clock;
  /** ms since 1970. */
  readonly now: () => number;
  /** Told of what it cannot write, once until it can. */
  readonly failed: (error: unknown) => void;
}

/** How much each user has used of its quota, over restarts. All programs that have the same file count together. */
export class QuotaLedger {
  readonly #parts: LedgerParts;
  #quotas: ReadonlyMap<string, Quota> = new Map();
  #used = new Map<string, Used>();
  /** Not in the file yet. */
  readonly #unsaved = new Map<string, number>();
  #usedUp: ReadonlyMap<string, string> = new Map();
  #changed: (usedUp: ReadonlyMap<string, string>) => void = () => {};
  #stop = () => {};
  #failing = false;

  /** Throws ConfigError where the file cannot be read. */
  constructor(parts: LedgerParts, quotas: ReadonlyMap<string, Quota>) {
    this.#parts = parts;
    this.#used = new Map(parts.store.load());
    this.configure(quotas);
    const again = () => {
      this.save();
      this.#judge(); // a period may be over
      this.#stop = parts.clock.after(SAVE_MS, again);
    };
    this.#stop = parts.clock.after(SAVE_MS, again);
  }

  /** By user until when. */
  get usedUp(): ReadonlyMap<string, string> {
    return this.#usedUp;
  }

  /** Has `changed` told who has used up its quota, whenever that changes. */
  onChange(changed: (usedUp: ReadonlyMap<string, string>) => void): void {
    this.#changed = changed;
  }

  /** Other quotas; what was used stays. */
  configure(quotas: ReadonlyMap<string, Quota>): void {
    this.#quotas = quotas;
    this.#judge();
  }

  add(usage: readonly Usage[]): void {
    if (usage.length === 0) return;
    for (const { user, bytes } of usage) {
      const used = this.#current(user);
      if (!used) continue; // it has no quota any more
      this.#used.set(user, { ...used, bytes: used.bytes + bytes });
      this.#unsaved.set(user, (this.#unsaved.get(user) ?? 0) + bytes);
    }
    if (this.#judge()) this.save();
  }

  /** What each has, in the order of the configuration. */
  get views(): readonly QuotaView[] {
    return Array.from(this.#quotas, ([user, { bytes }]) => {
      const { bytes: used, until } = this.#current(user)!;
      return { user, bytes, used, until: new Date(until).toISOString() };
    });
  }

  /** Adds what is new to the file, where another program may have counted too; that is known here then. */
  save(): void {
    if (this.#unsaved.size === 0) return;
    const { store, now, failed } = this.#parts;
    try {
      const kept = Array.from(store.load()).filter(([, { until }]) => until > now());
      const all = new Map(kept);
      for (const [user, bytes] of this.#unsaved) {
        const used = this.#current(user), former = all.get(user);
        if (used) all.set(user, former?.since === used.since ? { ...former, bytes: former.bytes + bytes } : used);
      }
      store.save(all);
      this.#used = all;
      this.#unsaved.clear();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) failed(error);
      this.#failing = true;
    }
  }

  close(): void {
    this.#stop();
    this.save();
  }

  /** What `user` has used in the period that it is now; undefined where it has no quota. */
  #current(user: string): Used | undefined {
    const quota = this.#quotas.get(user);
    if (!quota) return undefined;
    const used = this.#used.get(user);
    const window = quotaWindow(quota.period, this.#parts.now(), used?.since);
    return used?.since === window.since ? { ...used, ...window } : { ...window, bytes: 0 };
  }

  /** Whether others have used up their quota than before. */
  #judge(): boolean {
    const usedUp = new Map<string, string>();
    for (const { user, bytes, used, until } of this.views) if (used >= bytes) usedUp.set(user, until);
    const same = usedUp.size === this.#usedUp.size &&
      Array.from(usedUp).every(([user, until]) => this.#usedUp.get(user) === until);
    if (same) return false;
    this.#usedUp = usedUp;
    this.#changed(usedUp);
    return true;
  }
}
