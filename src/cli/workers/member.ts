import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Snapshot } from "../../admin/collected.ts";
import type { ThreadVitals } from "../../admin/readiness.ts";
import type { Activity } from "../../admin/status.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { Exchange } from "./exchange.ts";
import { TlsDesk } from "./tls_threads.ts";
import type { ThreadAhead } from "./thread_ahead.ts";
import type { FromWorker, News, Order, Question, ToWorker, WorkerPart, WorkerStart } from "./worker_messages.ts";

/** Whoever has started a worker, to that worker's thread. */
export interface Starter {
  readonly libc: Libc;
  /** The module that a worker begins with. */
  readonly entry: string | URL;
  /** By which it is patient with workers. */
  readonly clock: Clock;
  /** What a question comes to; questions of TLS are asked at `desk`. */
  readonly answer: (question: Question, desk: TlsDesk, unwanted: Cut) => Promise<unknown>;
  readonly hear: (member: Member, news: News) => void;
  /** Called once: the thread is gone, by `cause` where it threw that. */
  readonly died: (member: Member, cause: unknown) => void;
}

/** One worker, as the main thread knows it. */
export class Member {
  readonly startedAt: number;
  /** Resolves when it listens; rejects with NetError where it cannot, or with what ended it before. */
  readonly listening: Promise<void>;
  /** What it said of itself last, and when. */
  vitals: ThreadVitals | undefined;
  heardAt: number;
  /** How long before that it had said it (ms). */
  pulseMs = 0;
  /** What it had counted when it was asked last, and what went on, but for its sessions. */
  counted: Snapshot = [];
  activity: Activity | undefined;
  readonly #libc: Libc;
  readonly #clock: Clock;
  readonly #port: MessagePort;
  readonly #exchange: Exchange<Order, Question>;
  readonly #desk = new TlsDesk();
  #wakeFd: number | undefined;

  /** In the thread `ahead`, where there is one. */
  constructor({ libc, entry, clock, ...starter }: Starter, part: WorkerPart, ahead?: ThreadAhead) {
    const { port1, port2 } = new MessageChannel();
    this.#libc = libc;
    this.#clock = clock;
    this.#port = port1;
    this.startedAt = this.heardAt = clock.now();
    this.#exchange = new Exchange(
      (letter, memory) => this.#tell(letter, memory),
      (question, unwanted) => starter.answer(question, this.#desk, unwanted),
    );
    const { number } = part; // listeners that named `part` would keep the rules it was started with
    const workerData: WorkerStart = { gate46: "worker", port: port2, ...part };
    const worker = ahead?.worker ?? new Worker(entry as string, { workerData, transferList: [port2] });
    ahead?.tell(workerData, [port2]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.listening = promise;
    port1.on("message", (message: FromWorker) => {
      switch (message.type) {
        case "listening":
          this.#wakeFd = message.wakeFd;
          this.#wake(); // for what it was told before
          return resolve();
        case "not-listening":
          return reject(new NetError(message.kind, message.message));
        case "pulse":
          this.vitals = message.vitals;
          this.pulseMs = clock.now() - this.heardAt;
          this.heardAt = clock.now();
          return starter.hear(this, message);
        case "upstream":
        case "retired":
          return starter.hear(this, message);
        default:
          this.#exchange.take(message);
      }
    });
    let cause: unknown;
    worker.once("error", (error) => cause = error);
    worker.once("exit", () => {
      starter.died(this, cause);
      reject(cause ?? new Error(`Cannot start worker ${number}: it ended`));
    });
  }

  /** Whether it has got so far, and lives. */
  get listens(): boolean {
    return this.#wakeFd !== undefined;
  }

  /** What it answers. Rejects with NetError: "timed-out" where that takes longer than `ms`, "closed" where it dies. */
  async ask(order: Order, ms: number): Promise<unknown> {
    const late = Promise.withResolvers<never>();
    const timedOut = () => new NetError("timed-out", `Cannot ${order.type}: a worker does not answer`);
    const cancel = this.#clock.after(ms, () => late.reject(timedOut()));
    try {
      return await Promise.race([this.#exchange.ask(order), late.promise]);
    } finally {
      cancel();
    }
  }

  /** It has died: nothing comes from it any more, and nothing is done for it. */
  abandon(): void {
    this.#wakeFd = undefined; // its number is somebody else's from now on, and answers to questions of the dead are under way
    this.#port.close();
    this.#exchange.abandon();
    this.#desk.abandon();
  }

  #tell(message: ToWorker, memory: ArrayBuffer[]): void {
    this.#port.postMessage(message, memory);
    this.#wake();
  }

  #wake(): void {
    if (this.#wakeFd !== undefined) this.#libc.write(this.#wakeFd, wake, wake.length);
  }
}

const wake = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
