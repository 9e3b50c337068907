import type { Libc } from "../../../kernel/libc/libc.ts";
import type { NotificationCalls } from "../../../kernel/libc/notification_calls.ts";

/** A system call of a program that waits for an answer. */
export interface NotifiedCall {
  readonly id: bigint;
  /** The calling thread. */
  readonly tid: number;
  /** Of the system call. */
  readonly number: number;
  readonly args: readonly number[];
}

/** linux/seccomp.h: requests of ioctl(2), and structs seccomp_notif, seccomp_notif_resp and seccomp_notif_addfd. */
const RECEIVE = 0xc050_2100, SEND = 0xc018_2101, IS_VALID = 0x4008_2102, ADD_FD = 0x4018_2103;
const NOTIFICATION_SIZE = 80, ARGUMENTS_AT = 32;
const CONTINUE = 1, ADD_AND_SEND = 2;
const POLLIN = 1;

/** The listener of a program's system call filter (seccomp_unotify(2)). */
export class Notifications {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #calls: NotificationCalls;
  readonly #call = new Uint8Array(NOTIFICATION_SIZE);
  readonly #called = new DataView(this.#call.buffer);
  readonly #answer = new Uint8Array(24);
  readonly #answered = new DataView(this.#answer.buffer);
  readonly #poll = new Int32Array(2);

  constructor(libc: Libc, calls: NotificationCalls, fd: number) {
    this.#libc = libc;
    this.#calls = calls;
    this.fd = fd;
  }

  /**
   * The next call, or undefined. It never waits, although the kernel has no flag for that: poll(2) has reported one before, and one
   * that was interrupted in between is received as an error, since its count stays.
   */
  next(): NotifiedCall | undefined {
    this.#poll[0] = this.fd;
    this.#poll[1] = POLLIN;
    if (this.#libc.poll(this.#poll, 1, 0) !== 1 || !(this.#poll[1]! >> 16 & POLLIN)) return undefined;
    this.#call.fill(0);
    if (this.#calls.ioctl(this.fd, RECEIVE, this.#call) < 0) return undefined;
    const view = this.#called, args: number[] = [];
    for (let at = ARGUMENTS_AT; at < NOTIFICATION_SIZE; at += 8) {
      args.push(view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32);
    }
    return { id: view.getBigUint64(0, true), tid: view.getUint32(8, true), number: view.getInt32(16, true), args };
  }

  /** Makes the call return `value`; returns false if the caller no longer waits: a signal interrupts calls, which are then repeated. */
  succeed({ id }: Pick<NotifiedCall, "id">, value = 0): boolean {
    return this.#send(id, value, 0, 0);
  }

  /** Makes the call fail with `errno`; the same result. */
  fail({ id }: Pick<NotifiedCall, "id">, errno: number): boolean {
    return this.#send(id, -1, errno, 0);
  }

  /** Lets the kernel run the call. */
  goOn({ id }: Pick<NotifiedCall, "id">): void {
    this.#send(id, 0, 0, CONTINUE);
  }

  /** True if the caller still waits: a signal may have ended the call or the program. */
  isWaitedFor({ id }: Pick<NotifiedCall, "id">): boolean {
    this.#answered.setBigUint64(0, id, true);
    return this.#calls.ioctl(this.fd, IS_VALID, this.#answer) === 0;
  }

  /** Makes the call return a new descriptor for our `fd`. True on success (Linux 5.14). */
  give({ id }: Pick<NotifiedCall, "id">, fd: number, flags: number): boolean {
    const view = this.#answered;
    view.setBigUint64(0, id, true);
    view.setUint32(8, ADD_AND_SEND, true);
    view.setUint32(12, fd, true);
    view.setUint32(16, 0, true);
    view.setUint32(20, flags, true);
    return this.#calls.ioctl(this.fd, ADD_FD, this.#answer) >= 0;
  }

  #send(id: bigint, value: number, errno: number, flags: number): boolean {
    const view = this.#answered;
    view.setBigUint64(0, id, true);
    view.setBigInt64(8, BigInt(value), true);
    view.setInt32(16, -errno, true);
    view.setUint32(20, flags, true);
    return this.#calls.ioctl(this.fd, SEND, this.#answer) === 0;
  }
}
