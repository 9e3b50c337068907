import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { ConfigError } from "../../config/error.ts";

/** Group and others: who may read logs is in the owner's group. */
const MODE = 0o640;

/** Appends, and does not wait where a FIFO has no reader: nothing could end the program then. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);

/** A file that lines are appended to, by this thread and by others. Where it was moved away, as logrotate does, a new one is begun. */
export class LogFile {
  readonly #path: string;
  #fd: number;

  /** Throws ConfigError. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, FLAGS, MODE);
    } catch (error) {
      throw new ConfigError(`Cannot write ${path}: ${(error as { code?: string }).code ?? error}`);
    }
  }

  /** To write to now. */
  get fd(): number {
    if (this.#moved()) {
      try {
        const next = openSync(this.#path, FLAGS, MODE);
        closeSync(this.#fd);
        this.#fd = next;
      } catch {
        // The one that was moved is better than none.
      }
    }
    return this.#fd;
  }

  #moved(): boolean {
    try {
      const [here, there] = [fstatSync(this.#fd), statSync(this.#path)];
      return here.ino !== there.ino || here.dev !== there.dev;
    } catch {
      return true;
    }
  }
}
