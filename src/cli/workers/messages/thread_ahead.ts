import { parentPort, type Transferable, Worker } from "node:worker_threads";
import { NetError } from "../../../net/error.ts";
import { checkDescriptorsFor } from "../../service/threads/thread_descriptors.ts";
import type { AheadStart } from "./thread_start.ts";
import type { WorkerStart } from "./worker_messages.ts";

/**
 * A worker's thread that is started before its configuration is known: the main thread reads that while
 * the runtime starts the thread.
 */
export class ThreadAhead {
  readonly worker: Worker;
  readonly #listens: Promise<unknown>;
  #gone = false;

  private constructor(entry: URL) {
    const workerData: AheadStart = { gate46: "ahead" };
    this.worker = new Worker(entry as unknown as string, { workerData });
    this.#listens = new Promise((resolve) => this.worker.once("message", resolve));
    this.worker.on("error", () => this.#gone = true).once("exit", () => this.#gone = true);
  }

  /** It begins with the module `entry`. Undefined if there are too few descriptors; the start of the workers reports that. */
  static start(entry: URL): ThreadAhead | undefined {
    try {
      checkDescriptorsFor(1, "start a worker");
      return new ThreadAhead(entry);
    } catch (error) {
      if (error instanceof NetError) return undefined;
      throw error;
    }
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Sends the start data. Deno loses messages sent before the thread listens. Never resolves if the thread ends before. */
  async tell(start: WorkerStart, memory: readonly Transferable[]): Promise<void> {
    await this.#listens;
    this.worker.postMessage(start, memory);
  }
}

/** In such a thread: the start data of its worker. */
export function told(): Promise<WorkerStart> {
  return new Promise((resolve) => {
    parentPort!.once("message", resolve);
    parentPort!.postMessage("listens");
  });
}
