import { readdirSync, readlinkSync } from "node:fs";
import { F_DUPFD_CLOEXEC, SOCK_CLOEXEC } from "../../../kernel/libc/abi.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Notifications, NotifiedCall } from "../calls/notifications.ts";
import { type ProgramSockets, socketAt } from "./program_sockets.ts";

/** Interval of the search for sockets that no program has any more (ms). More seldom while it finds none. */
const LOOK_MS = 1_000, MOST_LOOK_MS = 32_000;
const EACCES = 13;

/**
 * Sockets of programs that are made here and passed to them: if a filter refuses pidfd_getfd(2), there is no other way to
 * their descriptors. Our duplicate is kept until the program has closed its own, or needs ours no more.
 */
export class MadeSockets implements ProgramSockets {
  readonly #engine: Engine;
  readonly #notifications: Notifications;
  /** By its name. */
  readonly #made = new Map<string, number>();
  #lookMs = LOOK_MS;
  #looks = false;

  constructor(engine: Engine, notifications: Notifications) {
    this.#engine = engine;
    this.#notifications = notifications;
  }

  /** Answers socket(2). */
  make(call: NotifiedCall): void {
    const { libc } = this.#engine, [domain, type, protocol] = call.args as [number, number, number];
    const fd = libc.socket(domain, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) return void this.#notifications.fail(call, libc.errno());
    if (!this.#notifications.give(call, fd, type & SOCK_CLOEXEC)) return void libc.close(fd);
    this.#made.set(socketAt("self", fd)!, this.#engine.own(fd));
    this.#lookMs = LOOK_MS;
    this.#look();
  }

  open({ tid }: NotifiedCall, fd: number): number {
    const made = this.#made.get(socketAt(tid, fd) ?? "");
    return made === undefined ? -EACCES : this.#engine.libc.fcntl(made, F_DUPFD_CLOEXEC, 0);
  }

  forget(socket: string): void {
    const fd = this.#made.get(socket);
    this.#made.delete(socket);
    if (fd !== undefined) this.#engine.close(fd);
  }

  /** Closes those that no program has any more. */
  forgetClosed(): void {
    if (this.#made.size === 0) return;
    const open = openSockets();
    for (const socket of [...this.#made.keys()]) if (!open.has(socket)) this.forget(socket);
  }

  #look(): void {
    if (this.#looks) return;
    this.#looks = true;
    this.#engine.timers.after(this.#lookMs, () => {
      this.#looks = false;
      const before = this.#made.size;
      this.forgetClosed();
      this.#lookMs = this.#made.size < before ? LOOK_MS : Math.min(2 * this.#lookMs, MOST_LOOK_MS);
      if (this.#made.size > 0) this.#look();
    });
  }
}

/** Names of the sockets of other processes, as far as this user may see them. */
function openSockets(): Set<string> {
  const found = new Set<string>(), own = readlinkSync("/proc/self");
  for (const process of readdirSync("/proc")) {
    if (!/^\d+$/.test(process) || process === own) continue;
    try {
      for (const fd of readdirSync(`/proc/${process}/fd`)) {
        const socket = socketAt(process, fd);
        if (socket !== undefined) found.add(socket);
      }
    } catch {
      // Another user's, or gone.
    }
  }
  return found;
}
