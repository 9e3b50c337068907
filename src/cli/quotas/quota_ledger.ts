import type { QuotaView } from "../../admin/status.ts";
import { type Quota, quotaWindow } from "../../gateway/quotas/quota.ts";
import type { Usage } from "../../gateway/quotas/quota_meter.ts";
import type { Clock } from "../../net/clock.ts";
import type { QuotaStore, Used } from "./quota_file.ts";

/** Interval at which new usage is saved (ms): a kill -9 loses at most this much. */
export const SAVE_MS = 5_000;

export interface LedgerParts {
  readonly store: QuotaStore;
  /** The clock of the save interval. */
  readonly clock: Clock;
  /** ms since 1970. */
  readonly now: () => number;
  /** Called when saving fails, once until it succeeds again. */
  readonly failed: (error: unknown) => void;
}

/** Each user's usage of its quota, kept over restarts. All processes with the same file count together. */
export class QuotaLedger {
  readonly #parts: LedgerParts;
  #quotas: ReadonlyMap<string, Quota> = new Map();
  #used = new Map<string, Used>();
  /** Usage that is not in the file yet. */
  readonly #unsaved = new Map<string, number>();
  #usedUp: ReadonlyMap<string, string> = new Map();
  #changed: (usedUp: ReadonlyMap<string, string>) => void = () => {};
  #stop = () => {};
  #failing = false;

  /** Throws ConfigError if the file cannot be read. */
  constructor(parts: LedgerParts, quotas: ReadonlyMap<string, Quota>) {
    this.#parts = parts;
    this.#used = new Map(parts.store.load());
    this.configure(quotas);
    const again = () => {
      this.save();
      this.#judge(); // a period may have ended
      this.#stop = parts.clock.after(SAVE_MS, again);
    };
    this.#stop = parts.clock.after(SAVE_MS, again);
  }

  /** The users without quota left, each with the end of its period. */
  get usedUp(): ReadonlyMap<string, string> {
    return this.#usedUp;
  }

  /** Calls `changed` with the users without quota left, whenever that set changes. */
  onChange(changed: (usedUp: ReadonlyMap<string, string>) => void): void {
    this.#changed = changed;
  }

  /** Sets new quotas; usage stays. */
  configure(quotas: ReadonlyMap<string, Quota>): void {
    this.#quotas = quotas;
    this.#judge();
  }

  add(usage: readonly Usage[]): void {
    if (usage.length === 0) return;
    for (const { user, bytes } of usage) {
      const used = this.#current(user);
      if (!used) continue; // the user has no quota any more
      this.#used.set(user, { ...used, bytes: used.bytes + bytes });
      this.#unsaved.set(user, (this.#unsaved.get(user) ?? 0) + bytes);
    }
    if (this.#judge()) this.save();
  }

  /** The usage of each user, in the order of the configuration. */
  get views(): readonly QuotaView[] {
    return Array.from(this.#quotas, ([user, { bytes }]) => {
      const { bytes: used, until } = this.#current(user)!;
      return { user, bytes, used, until: new Date(until).toISOString() };
    });
  }

  /** Adds new usage to the file, and reads the usage that other processes have added. */
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

  /** The usage of `user` in the current period; undefined if the user has no quota. */
  #current(user: string): Used | undefined {
    const quota = this.#quotas.get(user);
    if (!quota) return undefined;
    const used = this.#used.get(user);
    const window = quotaWindow(quota.period, this.#parts.now(), used?.since);
    return used?.since === window.since ? { ...used, ...window } : { ...window, bytes: 0 };
  }

  /** True if the set of users without quota left has changed. */
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
