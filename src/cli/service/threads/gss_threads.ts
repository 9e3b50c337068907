import { parentPort, type Worker } from "node:worker_threads";
import { type Bounds, FairQueue } from "../../../turns/fair_queue.ts";
import type { Cut } from "../../../net/cut.ts";
import { NetError } from "../../../net/error.ts";
import { answerOf, RestingThreads } from "./resting_threads.ts";
import type { GssCalls } from "../../../net/gss/gss_calls.ts";
import {
  discardStepped,
  type InitiatorStep,
  type InitiatorStepped,
  type TakeStep,
  takeStep,
} from "../../../net/gss/gss_initiator.ts";

/** Maximum steps at a time, each in its own thread: a step may wait for a KDC that does not answer. */
const STEPS: Bounds = { all: 4, client: 2, user: 2 };

/** Maximum steps that wait. */
const WAITING: Bounds = { all: 512, client: 128, user: 64 };

/** A thread's answer to a step. */
type Answer = { readonly stepped: InitiatorStepped } | { readonly refusal: string };

/** Threads for the steps of initiators, each one step at a time; `start` starts a thread that runs stepInThread(). */
export function gssThreads(start: () => Worker, open: () => GssCalls): TakeStep {
  const queue = new FairQueue("ask for a ticket", STEPS, WAITING);
  const threads = new RestingThreads<InitiatorStep, Answer>(async () => {
    const worker = start();
    await answerOf(worker); // a runtime loses messages sent before the thread listens
    return worker;
  });
  return (step, asker, cut) => {
    const stepping = queue.run(asker, cut, async () => {
      const answer = await threads.ask(step).catch((cause) => {
        if (cause instanceof NetError) throw cause;
        throw new NetError("other", "Cannot ask for a ticket: no thread can be had", { cause });
      });
      if ("refusal" in answer) throw new NetError("permission-denied", answer.refusal);
      return answer.stepped;
    });
    return unlessCut(stepping, cut, (stepped) => discardStepped(open(), stepped));
  };
}

/** The result of `work`. Rejects with NetError "aborted" as soon as the cut fires; `late` gets a result after that. */
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

/** The whole work of such a thread. */
export function stepInThread(calls: GssCalls): void {
  const say = (answer: Answer | "ready") => parentPort!.postMessage(answer);
  parentPort!.on("message", (step: InitiatorStep) => {
    try {
      say({ stepped: takeStep(calls, step) });
    } catch (error) {
      say({ refusal: (error as Error).message });
    }
  });
  say("ready");
}
