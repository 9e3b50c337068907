import { workerData } from "node:worker_threads";
import { startWorker } from "../../src/cli/workers/worker.ts";
import { workerStart } from "../../src/cli/workers/worker_messages.ts";
import { hang } from "./hanging.ts";

/** A worker that dies of a bug when somebody asks it for the name "die.example", and hangs over "hang.example". */
const start = workerStart()!;
const port = start.port as unknown as { postMessage(message: { question?: { name?: string } }): void };
const post = port.postMessage.bind(port);
port.postMessage = (message) => {
  if (message.question?.name === "die.example") {
    queueMicrotask(() => {
      throw new Error(`a bug in worker ${workerData.number}`);
    });
    return;
  }
  if (message.question?.name === "hang.example") hang();
  post(message);
};
await startWorker(start, () => undefined); // names are asked of the main thread
