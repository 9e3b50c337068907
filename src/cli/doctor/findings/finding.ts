/** "problem": the configuration does not work here. "note": it works, but could work better. */
export type Level = "ok" | "note" | "problem";

/** The result of one check. */
export interface Finding {
  readonly level: Level;
  /** The checked part of the host, in one or two words. */
  readonly about: string;
  readonly says: string;
  /** What to change, if anything. */
  readonly change?: string;
}

export interface Findings {
  ok(says: string): Finding;
  note(says: string, change?: string): Finding;
  problem(says: string, change?: string): Finding;
}

/** Makes findings about one part. */
export function findings(about: string): Findings {
  const finding = (level: Level) => (says: string, change?: string) => ({
    level,
    about,
    says,
    ...change && { change },
  });
  return { ok: finding("ok"), note: finding("note"), problem: finding("problem") };
}
