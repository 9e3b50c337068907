import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import type { FakeJournal } from "./fake_journal.ts";

/** A journal in a file that one process has. Throws the system's errors. */
export class FileJournal implements FakeJournal {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  load(): string {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return "";
      throw error;
    }
  }

  append(text: string): void {
    this.#fd ??= openSync(this.#path, "a", 0o600);
    writeSync(this.#fd, text);
  }

  replace(text: string): void {
    this.close();
    const draft = `${this.#path}.new`;
    const fd = openSync(draft, "w", 0o600);
    try {
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, this.#path);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
