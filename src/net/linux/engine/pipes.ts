import type { DescriptorReserve } from "../../kernel/host/descriptor_reserve.ts";
import { F_SETPIPE_SZ, O_CLOEXEC, O_NONBLOCK } from "../../kernel/libc/abi.ts";
import type { Libc } from "../../kernel/libc/libc.ts";

/** Octets of one splice(2). A larger pipe measured no better, and the system limits the pipes of a user. */
const PIPE_SIZE = 512 << 10;

/** Empty pipes kept for the next transfer. */
const MAX_SPARE = 16;

/** Owner of the pipes' descriptors. */
export interface PipeOwner {
  readonly libc: Libc;
  own(fd: number): number;
  close(fd: number): void;
  readonly reserve: Pick<DescriptorReserve, "refuses">;
}

export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
  readonly size: number;
}

/** Pipes for splice(2): opened on demand, reused, never shared while they hold data. */
export class PipePool {
  readonly #owner: PipeOwner;
  readonly #spare: Pipe[] = [];
  readonly #ends = new Int32Array(2);

  constructor(owner: PipeOwner) {
    this.#owner = owner;
  }

  /** An empty pipe, or undefined if none is available. */
  take(): Pipe | undefined {
    return this.#spare.pop() ?? this.#open();
  }

  giveBack(pipe: Pipe): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(pipe);
    else this.discard(pipe);
  }

  /** For a pipe that is not empty. */
  discard({ readEnd, writeEnd }: Pipe): void {
    this.#owner.close(readEnd);
    this.#owner.close(writeEnd);
  }

  drain(): void {
    for (const pipe of this.#spare.splice(0)) this.discard(pipe);
  }

  #open(): Pipe | undefined {
    const { libc } = this.#owner;
    if (libc.pipe2(this.#ends, O_NONBLOCK | O_CLOEXEC) < 0) return undefined;
    const [readEnd, writeEnd] = [this.#owner.own(this.#ends[0]!), this.#owner.own(this.#ends[1]!)];
    if (this.#owner.reserve.refuses(Math.max(readEnd, writeEnd))) {
      for (const end of this.#ends) this.#owner.close(end);
      return undefined;
    }
    const size = libc.fcntl(readEnd, F_SETPIPE_SZ, PIPE_SIZE);
    return { readEnd, writeEnd, size: size > 0 ? size : 64 << 10 };
  }
}
