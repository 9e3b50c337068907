import { statSync } from "node:fs";
import { ConfigError } from "../../config/config_error.ts";
import type { Descriptors } from "./descriptors.ts";
import { refuseForeignLink } from "./foreign_link.ts";
import type { Outlet } from "./output.ts";
import { stateOf } from "../../net/error_words.ts";

/** Readable by the owner's group, not by others. */
const MODE = 0o640;

/** A file to which this thread and others append. If it was moved away, as logrotate does, a new file is created. */
export class LogFile implements Outlet {
  readonly #path: string;
  readonly #descriptors: Descriptors;
  #opened: { readonly fd: number; readonly file: string } | undefined;

  constructor(path: string, descriptors: Descriptors) {
    this.#path = path;
    this.#descriptors = descriptors;
  }

  /** Throws ConfigError if the file was never opened before and cannot be now. */
  open(): void {
    void this.#fd();
  }

  write(bytes: Uint8Array): number {
    return this.#descriptors.write(this.#fd(), bytes);
  }

  /** The descriptor of the current file. */
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
      if (former) return former.fd; // the moved file is better than none
      throw new ConfigError(`Cannot write ${this.#path}: ${stateOf(error)}`);
    }
  }

  /** Device and inode of the file at the path; empty if there is none. */
  #there(): string {
    try {
      const { dev, ino } = statSync(this.#path);
      return `${dev}:${ino}`;
    } catch {
      return "";
    }
  }
}
