import process from "node:process";
import { setImmediate } from "node:timers";
import type { RuntimeLoop } from "../linux/engine/engine_loop.ts";

interface Internals {
  readonly core?: { runMicrotasks?(): void };
}

/** Deno looks at its timers in such a turn only; 20 turns are a second. */
const TURNS_BETWEEN_TIMERS = 20;

/** A turn by message takes 20 us, and one by setImmediate() 1.1 ms on Deno 2.4, whose timers wait for at least 1 ms. */
export function runtimeLoop(): RuntimeLoop {
  const internals = (Deno as unknown as Record<symbol, Internals>)[(Deno as unknown as { internal: symbol }).internal];
  const { port1, port2 } = new MessageChannel();
  let turns = 0, waiting = () => {};
  port2.onmessage = () => process.nextTick(waiting); // not from within the message's promise, where drain() would do nothing
  return {
    drain: internals?.core?.runMicrotasks?.bind(internals.core),
    nextTurn(then) {
      if (turns++ % TURNS_BETWEEN_TIMERS === 0) return void setImmediate(then);
      waiting = then;
      port1.postMessage(undefined);
    },
  };
}
