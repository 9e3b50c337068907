import { parentPort, type Transferable, Worker } from "node:worker_threads";
import { NetError } from "../../net/error.ts";
import { checkDescriptorsFor } from "../service/threads/thread_descriptors.ts";
import type { AheadStart } from "./thread_start.ts";
import type { WorkerStart } from "./worker_messages.ts";

/**
 * A thread for a worker that is started while nobody knows yet what the worker is to do: that takes the main thread as long as
 * the runtime takes to start a thread.
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

  /** It begins with the module `entry`. Undefined where there are too few descriptors, which whoever starts the workers tells. */
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

  /** Deno loses what is said to a thread that does not listen yet. */
  tell(start: WorkerStart, memory: readonly Transferable[]): void {
    void this.#listens.then(() => this.worker.postMessage(start, memory));
  }
}

/** In such a thread: what its worker is told to be. */
export function told(): Promise<WorkerStart> {
  return new Promise((resolve) => {
    parentPort!.once("message", resolve);
    parentPort!.postMessage("listens");
  });
}
