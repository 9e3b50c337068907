/** Storage of the mapping table, which outlives the process. It is synchronous: a name that was given out is stored. */
export interface FakeJournal {
  /** The whole content; empty at first. */
  load(): string;
  /** Appends, durably even if the process is killed right after. */
  append(text: string): void;
  /** Replaces the content by `text`, or changes nothing. */
  replace(text: string): void;
}

/** A name and the number of its addresses. */
export interface JournalEntry {
  readonly number: number;
  readonly name: string;
}

/** The journal is rewritten when it has so many more lines than names. */
const SPARE_LINES = 4_096;

/** The table as lines: the pools, then a number and a name per assignment; the last one for a number counts. */
export class JournalLines {
  readonly #journal: FakeJournal;
  readonly #title: string;
  #lines = 0;

  /** A journal of other pools is discarded. */
  constructor(journal: FakeJournal, pools: readonly unknown[]) {
    this.#journal = journal;
    this.#title = ["gate46-fake-addresses-1", ...pools].join(" ");
  }

  /** The stored assignments, in order. A truncated or invalid line is skipped. */
  load(): readonly JournalEntry[] {
    const [title, ...lines] = this.#journal.load().split("\n");
    const whole = lines.slice(0, -1); // behind the last line's end there is nothing, or a line truncated by a crash
    this.#lines = whole.length;
    if (title !== this.#title) {
      this.replace([]);
      return [];
    }
    const byNumber = new Map<number, JournalEntry>();
    const byName = new Map<string, number>();
    for (const line of whole) {
      const [, number, name] = /^(\d+) ([^\s]+)$/.exec(line) ?? [];
      if (!name) continue;
      const entry = { number: Number(number), name };
      const before = byNumber.get(entry.number), elsewhere = byName.get(name);
      if (before) byName.delete(before.name);
      if (elsewhere !== undefined) byNumber.delete(elsewhere);
      byNumber.delete(entry.number);
      byNumber.set(entry.number, entry);
      byName.set(name, entry.number);
    }
    const entries = Array.from(byNumber.values());
    if (lines.at(-1) !== "") this.replace(entries);
    return entries;
  }

  /** Stores an assignment; `all` is called when there are too many lines. */
  add({ number, name }: JournalEntry, count: number, all: () => Iterable<JournalEntry>): void {
    this.#lines++;
    if (this.#lines > 2 * count + SPARE_LINES) this.replace(all());
    else this.#journal.append(`${number} ${name}\n`);
  }

  replace(entries: Iterable<JournalEntry>): void {
    const lines = Array.from(entries, ({ number, name }) => `${number} ${name}`);
    this.#lines = lines.length;
    this.#journal.replace(`${[this.#title, ...lines].join("\n")}\n`);
  }
}
