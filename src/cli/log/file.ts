import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { ConfigError } from "../../config/error.ts";
import { refuseForeignLink } from "./foreign_link.ts";

/** Group and others: who may read logs is in the owner's group. */
const MODE = 0o640;

/** Appends, and does not wait where a FIFO has no reader: nothing could end the program then. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);

/** A file that lines are appended to, by this thread and by others. Where it was moved away, as logrotate does, a new one is begun. */
export class LogFile {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** To write to now. Throws ConfigError where there has never been one. */
  get fd(): number {
    const former = this.#fd;
    if (former !== undefined && !this.#moved(former)) return former;
    try {
      refuseForeignLink(this.#path);
      this.#fd = openSync(this.#path, FLAGS, MODE);
      if (former !== undefined) closeSync(former);
      return this.#fd;
    } catch (error) {
      if (former !== undefined) return former; // one that was moved is better than none
      throw new ConfigError(`Cannot write ${this.#path}: ${(error as { code?: string }).code ?? error}`);
    }
  }

  #moved(fd: number): boolean {
    try {
      const [here, there] = [fstatSync(fd), statSync(this.#path)];
      return here.ino !== there.ino || here.dev !== there.dev;
    } catch {
      return true;
    }
  }
}
