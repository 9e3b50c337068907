import { statSync } from "node:fs";
import { ConfigError } from "../../config/config_error.ts";
import type { Descriptors } from "./descriptors.ts";
import { refuseForeignLink } from "./foreign_link.ts";
import type { Outlet } from "./output.ts";
import { stateOf } from "../../net/error_words.ts";

/** Group and others: who may read logs is in the owner's group. */
const MODE = 0o640;

/** A file that lines are appended to, by this thread and by others. Where it was moved away, as logrotate does, a new one is begun. */
export class LogFile implements Outlet {
  readonly #path: string;
  readonly #descriptors: Descriptors;
  #opened: { readonly fd: number; readonly file: string } | undefined;

  constructor(path: string, descriptors: Descriptors) {
    this.#path = path;
    this.#descriptors = descriptors;
  }

  /** Throws ConfigError where there has never been such a file. */
  open(): void {
    void this.#fd();
  }

  write(bytes: Uint8Array): number {
    return this.#descriptors.write(this.#fd(), bytes);
  }

  /** To write to now. */
  #fd(): number {
    const former = this.#opened;
    if (former && former.file === this.#there()) return former.fd;
    try {
      refuseForeignLink(this.#path);
      const fd = this.#descriptors.append(this.#path, MODE);
      this.#opened = { fd, file: this.#there() };
      if (former) this.#descriptors.close(former.fd);
      return fd;
    } catch (error) {
      if (former) return former.fd; // one that was moved is better than none
      throw new ConfigError(`Cannot write ${this.#path}: ${stateOf(error)}`);
    }
  }

  /** Which file that is; empty where there is none. */
  #there(): string {
    try {
      const { dev, ino } = statSync(this.#path);
      return `${dev}:${ino}`;
    } catch {
      return "";
    }
  }
}
