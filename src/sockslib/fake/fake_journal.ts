/** Where the mapping table is kept, so that it outlives its process. All of it is synchronous: what was told is kept. */
export interface FakeJournal {
  /** All there is; empty where there is nothing yet. */
  load(): string;
  /** Adds to the end, so that it is there even when the process is killed right after. */
  append(text: string): void;
  /** Puts `text` in place of all there is, or changes nothing. */
  replace(text: string): void;
}

/** A name and the number of its addresses. */
export interface JournalEntry {
  readonly number: number;
  readonly name: string;
}

/** Lines are rewritten when there are so many more of them than names. */
const SPARE_LINES = 4_096;

/** The table as lines: the pools, then a number and a name for each that was given, the last of a number counting. */
export class JournalLines {
  readonly #journal: FakeJournal;
  readonly #title: string;
  #lines = 0;

  /** A journal of other pools is begun anew. */
  constructor(journal: FakeJournal, pools: readonly unknown[]) {
    this.#journal = journal;
    this.#title = ["gate46-fake-addresses-1", ...pools].join(" ");
  }

  /** What was kept, in the order it was given. A line that is cut off, or means nothing, is left out. */
  load(): readonly JournalEntry[] {
    const [title, ...lines] = this.#journal.load().split("\n");
    const whole = lines.slice(0, -1); // behind the last line's end stands nothing, or what a crash left of one
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

  /** Notes a name that has been given; `all` is asked for when there are too many lines. */
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
