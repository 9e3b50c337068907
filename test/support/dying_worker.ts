import { workerData } from "node:worker_threads";
import { startWorker, workerStart } from "../../src/cli/worker.ts";

/** A worker that dies of a bug when somebody asks it for the name "die", and is stuck for a while for "stick". */
const start = workerStart()!;
const port = start.port as unknown as { postMessage(message: { question?: { name?: string } }): void };
const post = port.postMessage.bind(port);
port.postMessage = (message) => {
  if (message.question?.name === "die.example") {
    queueMicrotask(() => {
      throw new Error(`a bug in worker ${workerData.number}`);
    });
  } else if (message.question?.name === "stick.example") {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 14_000);
  } else post(message);
};
await startWorker(start);
