import type { Libc } from "../../../kernel/libc/libc.ts";
import type { NotificationCalls } from "../../../kernel/libc/notification_calls.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The memory of programs whose calls are answered; only descendants of this process allow access (ptrace(2)). */
export class ProgramMemory {
  readonly #libc: Libc;
  readonly #calls: NotificationCalls;
  readonly #own = new BigUint64Array(2);
  readonly #theirs = new BigUint64Array(2);

  constructor(libc: Libc, calls: NotificationCalls) {
    this.#libc = libc;
    this.#calls = calls;
  }

  /** `size` octets; undefined if not all can be read. */
  read(tid: number, address: number, size: number): Bytes | undefined {
    const bytes = new Uint8Array(size);
    if (size === 0) return bytes;
    this.#point(bytes, address);
    return this.#calls.process_vm_readv(tid, this.#own, 1, this.#theirs, 1, 0) === size ? bytes : undefined;
  }

  /** False where not all can be written. */
  write(tid: number, address: number, bytes: Bytes): boolean {
    if (bytes.length === 0) return true;
    this.#point(bytes, address);
    return this.#calls.process_vm_writev(tid, this.#own, 1, this.#theirs, 1, 0) === bytes.length;
  }

  /** True if such calls are allowed, by a try on this process. */
  static isAllowed(libc: Libc, calls: NotificationCalls, pid: number): boolean {
    const memory = new ProgramMemory(libc, calls), there = Uint8Array.of(46);
    const read = memory.read(pid, libc.addressOf(there.buffer), 1);
    return read?.[0] === there[0];
  }

  #point(bytes: Bytes, address: number): void {
    this.#own[0] = BigInt(this.#libc.addressOf(bytes.buffer) + bytes.byteOffset);
    this.#own[1] = this.#theirs[1] = BigInt(bytes.length);
    this.#theirs[0] = BigInt(address);
  }
}
