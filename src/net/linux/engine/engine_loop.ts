import { setImmediate } from "node:timers";
import type { Engine } from "./engine.ts";

/** Interval of turns of the runtime's own event loop under load (ms): it reports rejections, and collects garbage. */
const RUNTIME_TURN_MS = 50;

/** Turns of the runtime's own loop in a thread that needs it more than a worker. */
export interface RuntimeTurns {
  /** Maximum wait in the kernel (ms). */
  maxWaitMs(): number;
}

/** The runtime's own event loop. */
export interface RuntimeLoop {
  /** Runs pending microtasks; undefined if this runtime has no such call. */
  readonly drain: (() => void) | undefined;
  /** Calls `then` in the loop's next turn, outside promises. */
  nextTurn(then: () => void): void;
}

/**
 * Gives this thread to the engine, for good: it waits in the kernel, and serves events, timers and promises. Without drain(),
 * promises are served by a turn of the runtime's loop after each turn of the engine, which costs more.
 */
export function runEngine(engine: Engine, { drain, nextTurn }: RuntimeLoop, turns?: RuntimeTurns): void {
  let runtimeTurnAt = engine.timers.now();
  const turn = () => {
    const maxWaitMs = turns?.maxWaitMs() ?? -1;
    engine.turn(maxWaitMs);
    return maxWaitMs < 0 ? RUNTIME_TURN_MS : Math.min(maxWaitMs, RUNTIME_TURN_MS);
  };
  // A thread that needs its runtime more needs the runtime's timers too.
  const afterTurn = turns || !drain ? setImmediate : nextTurn;
  const loop = () => {
    if (!drain) {
      turn();
      afterTurn(loop);
      return;
    }
    for (;;) {
      const turnMs = turn();
      drain();
      if (engine.turnAt - runtimeTurnAt < turnMs) continue;
      runtimeTurnAt = engine.turnAt;
      afterTurn(loop);
      return;
    }
  };
  setImmediate(loop);
}

/** The same loop; without drain() unless that works in the loop's turns. */
export function proven({ drain, nextTurn }: RuntimeLoop): Promise<RuntimeLoop> {
  return new Promise((resolve) =>
    nextTurn(() =>
      nextTurn(() => {
        let ran = false;
        queueMicrotask(() => ran = true);
        drain?.();
        resolve({ drain: ran ? drain : undefined, nextTurn });
      })
    )
  );
}
