import { setImmediate } from "node:timers";
import type { Engine } from "./engine.ts";

/** The runtime's own event loop has its turn so often while there is work (ms): it reports rejections, and collects. */
const RUNTIME_TURN_MS = 50;

/** When the runtime's own loop has turns in a thread that needs it for more than a worker does. */
export interface RuntimeTurns {
  /** How long the kernel may be waited for (ms). */
  maxWaitMs(): number;
}

/**
 * Gives this thread to the engine, for good: it waits in the kernel, and does what events, timers and promises ask for.
 * `drain` runs what waits of promises; where there is none, the runtime's loop does after each turn, which costs more.
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

/** `drain`, if it does in this runtime what it is for: run from the event loop, not from within a promise. */
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
