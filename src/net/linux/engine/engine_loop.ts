import { setImmediate } from "node:timers";
import type { Engine } from "./engine.ts";

/** Interval of turns of the runtime's own event loop under load (ms): it reports rejections, and collects garbage. */
const RUNTIME_TURN_MS = 50;

/** Turns of the runtime's own loop in a thread that needs it more than a worker. */
export interface RuntimeTurns {
  /** Maximum wait in the kernel (ms). */
  maxWaitMs(): number;
}

/**
 * Gives this thread to the engine, for good: it waits in the kernel, and serves events, timers and promises.
 * `drain` runs pending microtasks; without it, the runtime's loop does so after each turn, which costs more.
 */
export function runEngine(engine: Engine, drain: (() => void) | undefined, turns?: RuntimeTurns): void {
  let runtimeTurnAt = engine.timers.now();
  const turn = () => {
    const maxWaitMs = turns?.maxWaitMs() ?? -1;
    engine.turn(maxWaitMs);
    return maxWaitMs < 0 ? RUNTIME_TURN_MS : Math.min(maxWaitMs, RUNTIME_TURN_MS);
  };
  const loop = () => {
    if (!drain) {
      turn();
      setImmediate(loop);
      return;
    }
    for (;;) {
      const turnMs = turn();
      drain();
      if (engine.turnAt - runtimeTurnAt < turnMs) continue;
      runtimeTurnAt = engine.turnAt;
      setImmediate(loop);
      return;
    }
  };
  setImmediate(loop);
}

/** `drain`, if it works in this runtime from the event loop, not from within a promise. */
export function proven(drain: (() => void) | undefined): Promise<(() => void) | undefined> {
  return new Promise((resolve) =>
    setImmediate(() => {
      let ran = false;
      queueMicrotask(() => ran = true);
      drain?.();
      resolve(ran ? drain : undefined);
    })
  );
}
