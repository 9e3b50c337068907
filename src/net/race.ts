import type { Clock } from "./clock.ts";
import { Cut } from "./cut.ts";
import type { Socket } from "./socket.ts";

/** Head start of an attempt over the next (RFC 8305 s5, "Connection Attempt Delay"). */
export const ATTEMPT_DELAY_MS = 250;

export interface Race<A> {
  readonly clock: Clock;
  /** Addresses in the order to try them; at least one. */
  readonly addrs: readonly A[];
  /** Addresses still being resolved, and how they are merged `among` the waiting ones when some have been `tried`. */
  readonly late?: {
    readonly addrs: Promise<readonly A[]>;
    readonly among: (waiting: readonly A[], late: readonly A[], tried: readonly A[]) => readonly A[];
  } | undefined;
  readonly cut: Cut;
  readonly connect: (addr: A, cut: Cut) => Promise<Socket>;
  /** Called for each that was silent beyond its head start when another won. */
  readonly overtaken?: (addr: A) => void;
  /** Chooses the error to reject with, of all failures in order; by default the first. */
  readonly failure?: (errors: readonly unknown[]) => unknown;
}

/** Staggered attempts that race each other: the first connection wins, the others are cancelled (RFC 8305 s5). */
export function race<A>({ clock, addrs, late, cut, connect, ...told }: Race<A>): Promise<Socket> {
  if (addrs.length === 1 && !late) return connect(addrs[0]!, cut);
  return new Promise((resolve, reject) => {
    const losers = new Cut();
    const errors: unknown[] = [];
    const tried: A[] = [];
    /** When each began. */
    const running = new Map<A, number>();
    let waiting = addrs;
    let over = false, awaited = late !== undefined;
    let startedAt = 0;
    let cancelNext = () => {}, release = () => {};
    const finish = () => {
      over = true;
      cancelNext();
      release();
    };
    const won = (addr: A, socket: Socket) => {
      if (over) return socket.close();
      finish();
      const headStart = clock.now() - ATTEMPT_DELAY_MS;
      for (const [other, since] of running) if (other !== addr && since <= headStart) told.overtaken?.(other);
      losers.make();
      resolve(socket);
    };
    const lost = (addr: A, error: unknown) => {
      if (over) return;
      running.delete(addr);
      errors.push(error);
      if (waiting.length > 0 && !cut.made) return attempt(); // its head start is pointless
      giveUpAtEnd();
    };
    const giveUpAtEnd = () => {
      if (running.size > 0 || (awaited && !cut.made)) return;
      finish();
      reject(told.failure ? told.failure(errors) : errors[0]);
    };
    const attempt = () => {
      cancelNext();
      const [addr, ...others] = waiting as [A, ...A[]];
      waiting = others;
      tried.push(addr);
      running.set(addr, startedAt = clock.now());
      startNextLater();
      connect(addr, losers).then((socket) => won(addr, socket), (error) => lost(addr, error));
    };
    const startNextLater = () => {
      const waitMs = Math.max(0, startedAt + ATTEMPT_DELAY_MS - clock.now());
      cancelNext = waiting.length > 0 ? clock.after(waitMs, attempt) : () => {};
    };
    void late?.addrs.then((addrs) => {
      awaited = false;
      if (over) return;
      const idle = waiting.length === 0;
      waiting = late.among(waiting, addrs, tried);
      if (waiting.length === 0) giveUpAtEnd();
      else if (running.size === 0) attempt();
      else if (idle) startNextLater();
    });
    release = cut.on(() => {
      losers.make();
      if (errors.length > 0) giveUpAtEnd(); // while the rest was waited for
    });
    attempt();
  });
}
