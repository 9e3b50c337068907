import { workerData } from "node:worker_threads";
import { startWorker } from "../../../src/cli/workers/worker.ts";
import type { WorkerStart } from "../../../src/cli/workers/messages/worker_messages.ts";
import { hang } from "./hanging.ts";

interface Asking {
  readonly question?: { readonly type: string; readonly question?: { readonly name: string } };
}

/** A worker that dies of a bug when somebody asks it for the name "die.example", and hangs over "hang.example". */
const start = workerData as WorkerStart;
const port = start.port as unknown as { postMessage(message: Asking): void };
const post = port.postMessage.bind(port);
port.postMessage = (message) => {
  const name = message.question?.question?.name;
  if (name === "die.example") {
    queueMicrotask(() => {
      throw new Error(`a bug in worker ${workerData.number}`);
    });
    return;
  }
  if (name === "hang.example") hang();
  post(message);
};
await startWorker(start);
