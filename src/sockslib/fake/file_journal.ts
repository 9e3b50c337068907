import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import type { FakeJournal } from "./fake_journal.ts";

/** A journal in a file that one process has. Throws the system's errors. */
export class FileJournal implements FakeJournal {
  readonly #path: string;
  #fd: number | undefined;
  /** Whether the last line may have been cut off, as a full disk does. */
  #torn = false;

  /** The file is made when it is first written. */
  constructor(path: string) {
    this.#path = path;
  }

  /** As FakeJournal has it. */
  load(): string {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return "";
      throw error;
    }
  }

  /** As FakeJournal has it. */
  append(text: string): void {
    this.#fd ??= openSync(this.#path, "a", 0o600);
    const wasTorn = this.#torn;
    this.#torn = true;
    writeAll(this.#fd, wasTorn ? ` \n${text}` : text); // no name has a space: the piece of a line means nothing
    this.#torn = false;
  }

  /** As FakeJournal has it; the file is replaced at once. */
  replace(text: string): void {
    this.close();
    const draft = `${this.#path}.new`;
    const fd = openSync(draft, "w", 0o600);
    try {
      writeAll(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, this.#path);
    this.#torn = false;
  }

  /** Lets go of the file. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
