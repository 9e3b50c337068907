import { parentPort, Worker } from "node:worker_threads";
import { type Bounds, FairQueue } from "../../turns/fair_queue.ts";
import type { Cut } from "../cut.ts";
import { NetError } from "../error.ts";
import type { GssCalls } from "./gss_calls.ts";
import { discardStepped, type InitiatorStep, type InitiatorStepped, type TakeStep, takeStep } from "./gss_initiator.ts";

/** Steps at one time, each in a thread of its own: one may wait for a KDC that does not answer. */
const STEPS: Bounds = { all: 4, client: 2, user: 2 };

/** Those that wait. */
const WAITING: Bounds = { all: 512, client: 128, user: 64 };

/** A thread that has had nothing to do for so long ends (ms). */
const IDLE_MS = 10_000;

/** What a thread says. */
type Answer = { readonly ready: true } | { readonly stepped: InitiatorStepped } | { readonly refusal: string };

/** Threads that do the steps of initiators, one at a time; `start` starts one that runs stepInThread(). */
export function gssThreads(start: () => Worker, open: () => GssCalls): TakeStep {
  const queue = new FairQueue("ask for a ticket", STEPS, WAITING);
  const idle: GssThread[] = [];
  return (step, asker, cut) => {
    const stepping = queue.run(asker, cut, async () => {
      const thread = idle.pop() ?? new GssThread(start());
      const answer = await thread.take(step);
      idle.push(thread);
      thread.restFor(IDLE_MS, () => void idle.splice(idle.indexOf(thread), 1));
      if ("refusal" in answer) throw new NetError("permission-denied", answer.refusal);
      return answer.stepped;
    });
    return unlessCut(stepping, cut, (stepped) => discardStepped(open(), stepped));
  };
}

/** What `work` comes to; rejects with NetError "aborted" as soon as the cut is made, and `late` gets what comes of it yet. */
function unlessCut<T>(work: Promise<T>, cut: Cut | undefined, late: (value: T) => void): Promise<T> {
  if (!cut) return work;
  return new Promise((resolve, reject) => {
    let over = false;
    const release = cut.on(() => {
      over = true;
      reject(new NetError("aborted", "Cannot ask for a ticket: given up"));
    });
    work.then((value) => over ? late(value) : resolve(value), reject).finally(release);
  });
}

/** All that such a thread does. */
export function stepInThread(calls: GssCalls): void {
  const say = (answer: Answer) => parentPort!.postMessage(answer);
  parentPort!.on("message", (step: InitiatorStep) => {
    try {
      say({ stepped: takeStep(calls, step) });
    } catch (error) {
      say({ refusal: (error as Error).message });
    }
  });
  say({ ready: true });
}

class GssThread {
  readonly #worker: Worker;
  /** A runtime loses what is said to a thread before that listens. */
  readonly #ready: Promise<unknown>;
  #resting: ReturnType<typeof setTimeout> | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#ready = this.#answer();
  }

  /** Rejects with NetError where the thread cannot run; it is over then. */
  async take(step: InitiatorStep): Promise<Exclude<Answer, { readonly ready: true }>> {
    clearTimeout(this.#resting);
    this.#worker.ref();
    await this.#ready;
    const answer = this.#answer();
    this.#worker.postMessage(step);
    return await answer as Exclude<Answer, { readonly ready: true }>;
  }

  /** Ends it after so long, unless it is wanted before. */
  restFor(ms: number, ended: () => void): void {
    this.#worker.unref(); // the program may end
    this.#resting = setTimeout(() => {
      ended();
      void this.#worker.terminate();
    }, ms);
    this.#resting.unref?.();
  }

  #answer(): Promise<Answer> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const settle = () => worker.off("message", said).off("error", failed).off("exit", failed);
      const said = (answer: Answer) => {
        settle();
        resolve(answer);
      };
      const failed = (cause: unknown) => {
        settle();
        reject(new NetError("other", "Cannot ask for a ticket: no thread can be had", { cause }));
      };
      worker.on("message", said).on("error", failed).on("exit", failed);
    });
  }
}
