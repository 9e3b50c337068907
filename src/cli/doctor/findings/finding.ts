/** "problem": the configuration would not work here. "note": it would, but less well than it could. */
export type Level = "ok" | "note" | "problem";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** Which part of the host, in a word or two. */
  readonly about: string;
  readonly says: string;
  /** What to change, where something should be. */
  readonly change?: string;
}

export interface Findings {
  ok(says: string): Finding;
  note(says: string, change?: string): Finding;
  problem(says: string, change?: string): Finding;
}

/** Findings about one part. */
export function findings(about: string): Findings {
  const finding = (level: Level) => (says: string, change?: string) => ({
    level,
    about,
    says,
    ...change && { change },
  });
  return { ok: finding("ok"), note: finding("note"), problem: finding("problem") };
}
