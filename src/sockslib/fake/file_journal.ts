import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import type { FakeJournal } from "./fake_journal.ts";

/** A journal in a file that one process owns. Throws the system's errors. */
export class FileJournal implements FakeJournal {
  readonly #path: string;
  #fd: number | undefined;
  /** True if the last line may be truncated, for example by a full disk. */
  #torn = false;

  /** The file is created by the first write. */
  constructor(path: string) {
    this.#path = path;
  }

  /** See FakeJournal. */
  load(): string {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return "";
      throw error;
    }
  }

  /** See FakeJournal. */
  append(text: string): void {
    this.#fd ??= openSync(this.#path, "a", 0o600);
    const wasTorn = this.#torn;
    this.#torn = true;
    writeAll(this.#fd, wasTorn ? ` \n${text}` : text); // no name has a space, so the truncated line is invalid
    this.#torn = false;
  }

  /** See FakeJournal; the file is replaced atomically. */
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

  /** Closes the file. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
