import type { Worker } from "node:worker_threads";

/** Idle timeout of a thread (ms); a thread takes 10 to 16 MB. */
const IDLE_MS = 10_000;

/** Threads that each answer one question at a time; as many as concurrent questions. Idle threads end. */
export class RestingThreads<Question, Answer> {
  readonly #start: () => Worker | Promise<Worker>;
  readonly #idle: RestingThread[] = [];

  /** `start` resolves with a thread that listens. */
  constructor(start: () => Worker | Promise<Worker>) {
    this.#start = start;
  }

  /** Rejects with the error of `start`, or with the cause of the thread's end. */
  async ask(question: Question): Promise<Answer> {
    const thread = this.#idle.pop() ?? new RestingThread(await this.#start());
    const answer = await thread.ask(question);
    this.#idle.push(thread);
    thread.rest(() => void this.#idle.splice(this.#idle.indexOf(thread), 1));
    return answer as Answer;
  }
}

class RestingThread {
  readonly #worker: Worker;
  #resting: ReturnType<typeof setTimeout> | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  ask(question: unknown): Promise<unknown> {
    clearTimeout(this.#resting);
    this.#worker.ref();
    const answer = answerOf(this.#worker);
    this.#worker.postMessage(question);
    return answer;
  }

  /** Ends the thread after IDLE_MS, unless it is asked before. */
  rest(ended: () => void): void {
    this.#worker.unref(); // so that the program can end
    this.#resting = setTimeout(() => {
      ended();
      void this.#worker.terminate();
    }, IDLE_MS);
    this.#resting.unref?.();
  }
}

/** The thread's next message; rejects with the cause if the thread ends before. */
export function answerOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = () => worker.off("message", said).off("error", failed).off("exit", failed);
    const said = (answer: unknown) => {
      settle();
      resolve(answer);
    };
    const failed = (cause: unknown) => {
      settle();
      reject(cause);
    };
    worker.on("message", said).on("error", failed).on("exit", failed);
  });
}
