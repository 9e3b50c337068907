import { workerData } from "node:worker_threads";
import { startWorker, workerStart } from "../../src/cli/workers/worker.ts";

/** Longer than who hangs is waited for, and no longer than a test waits (ms). */
const HANG_MS = 13_000;

/** A worker that dies of a bug when somebody asks it for the name "die.example", and hangs over "hang.example". */
const start = workerStart()!;
const port = start.port as unknown as { postMessage(message: { question?: { name?: string } }): void };
const post = port.postMessage.bind(port);
port.postMessage = (message) => {
  if (message.question?.name === "die.example") {
    queueMicrotask(() => {
      throw new Error(`a bug in worker ${workerData.number}`);
    });
  } else if (message.question?.name === "hang.example") {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HANG_MS);
  } else post(message);
};
await startWorker(start);
