import { EPOLLIN, MSG_DONTWAIT, SOL_SOCKET } from "../../kernel/libc/abi.ts";
import { EAGAIN } from "../../kernel/libc/errno.ts";
import { decodeSockaddr, SOCKADDR_SIZE } from "../../kernel/libc/sockaddr.ts";
import type { SocketAddr } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import { MESSAGE_SIZE, type Received } from "./calls/message_memory.ts";
import type { Notifications, NotifiedCall } from "./calls/notifications.ts";
import { option, waits } from "./sockets/program_sockets.ts";
import { nameFor } from "./sockets/socket_names.ts";

const SO_RCVTIMEO = 20;

/** Interval of checking that waiting calls still wait (ms): nothing reports it. */
const LOOK_MS = 500;

/** What a program receives by, and where to. */
export interface Receipt {
  readonly call: NotifiedCall;
  /** Ours, of its UDP socket; closed here. */
  readonly fd: number;
  readonly six: boolean;
  readonly size: number;
  readonly controlSize: number;
  readonly flags: number;
  /** Told what has come, and how much there was; the call's answer is its own. */
  readonly put: (received: Received, size: number) => void;
}

/** Datagrams that a program receives with their source, which is reported as the address that the program used. */
export class NotifiedReceipts {
  readonly #engine: Engine;
  readonly #notifications: Notifications;
  readonly #standsFor: (relay: SocketAddr) => SocketAddr | undefined;
  readonly #waiting = new Map<Receipt, () => void>();

  constructor(
    engine: Engine,
    notifications: Notifications,
    standsFor: (relay: SocketAddr) => SocketAddr | undefined,
  ) {
    this.#engine = engine;
    this.#notifications = notifications;
    this.#standsFor = standsFor;
  }

  /** Answers the call once something has come, or cannot. */
  receive(receipt: Receipt): void {
    const { libc } = this.#engine, { call, fd, flags } = receipt;
    if (this.#try(receipt)) return void libc.close(fd);
    if (flags & MSG_DONTWAIT || !waits(libc, fd)) {
      this.#notifications.fail(call, EAGAIN);
      return void libc.close(fd);
    }
    this.#wait(receipt);
  }

  #wait(receipt: Receipt): void {
    const { poller, timers, libc } = this.#engine, { call, fd } = receipt;
    const [seconds, , micros] = option(libc, fd, SOL_SOCKET, SO_RCVTIMEO);
    const limitMs = seconds! * 1_000 + micros! / 1_000;
    const own = this.#engine.own(fd);
    let cancel = () => {};
    const end = () => {
      cancel();
      this.#waiting.delete(receipt);
      poller.forget(own);
      this.#engine.close(own);
    };
    poller.watch(own, { ready: () => this.#try(receipt) && end() }, EPOLLIN);
    if (limitMs > 0) {
      cancel = timers.after(limitMs, () => {
        this.#notifications.fail(call, EAGAIN);
        end();
      });
    }
    this.#waiting.set(receipt, end);
    if (this.#waiting.size === 1) this.#look();
  }

  #look(): void {
    this.#engine.timers.after(LOOK_MS, () => {
      for (const [{ call }, end] of [...this.#waiting]) if (!this.#notifications.isWaitedFor(call)) end();
      if (this.#waiting.size > 0) this.#look();
    });
  }

  /** True if it is answered. */
  #try({ call, fd, six, size, controlSize, flags, put }: Receipt): boolean {
    const { libc } = this.#engine;
    if (!this.#notifications.isWaitedFor(call)) return true; // else what comes now would be lost
    const payload = new Uint8Array(Math.max(size, 1)), control = new Uint8Array(Math.max(controlSize, 1));
    const name = new Uint8Array(SOCKADDR_SIZE), header = new Uint8Array(MESSAGE_SIZE);
    const fields = new DataView(header.buffer);
    const iovec = BigUint64Array.of(BigInt(libc.addressOf(payload.buffer)), BigInt(size));
    fields.setBigUint64(0, BigInt(libc.addressOf(name.buffer)), true);
    fields.setUint32(8, SOCKADDR_SIZE, true);
    fields.setBigUint64(16, BigInt(libc.addressOf(iovec.buffer)), true);
    fields.setBigUint64(24, 1n, true);
    fields.setBigUint64(32, controlSize > 0 ? BigInt(libc.addressOf(control.buffer)) : 0n, true);
    fields.setBigUint64(40, BigInt(controlSize), true);
    const got = libc.recvmsg(fd, header, flags | MSG_DONTWAIT);
    if (got < 0) {
      const errno = libc.errno();
      if (errno === EAGAIN) return false;
      this.#notifications.fail(call, errno);
      return true;
    }
    const from = fields.getUint32(8, true) > 0 ? decodeSockaddr(name) : undefined;
    const known = from && this.#standsFor(from);
    put({
      payload: payload.subarray(0, Math.min(got, size)),
      name: known ? nameFor(known, six) : name.subarray(0, fields.getUint32(8, true)),
      control: control.subarray(0, fields.getUint32(40, true)),
      flags: fields.getInt32(48, true),
    }, got);
    void iovec;
    return true;
  }
}
