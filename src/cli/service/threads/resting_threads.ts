import type { Worker } from "node:worker_threads";

/** A thread that has had nothing to do for so long ends (ms); one takes 10 to 16 MB. */
const IDLE_MS = 10_000;

/** Threads that answer one question at a time, as many as questions at one time; those that have rested for long end. */
export class RestingThreads<Question, Answer> {
  readonly #start: () => Worker | Promise<Worker>;
  readonly #idle: RestingThread[] = [];

  /** `start` resolves with one that listens. */
  constructor(start: () => Worker | Promise<Worker>) {
    this.#start = start;
  }

  /** Rejects with what `start` throws, or with what has ended the thread. */
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

  /** Ends it after a while, unless it is asked before. */
  rest(ended: () => void): void {
    this.#worker.unref(); // the program may end
    this.#resting = setTimeout(() => {
      ended();
      void this.#worker.terminate();
    }, IDLE_MS);
    this.#resting.unref?.();
  }
}

/** What a thread says next; rejects with what has ended it before. */
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
