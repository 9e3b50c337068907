import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Snapshot } from "../../admin/counted/collected.ts";
import type { ThreadVitals } from "../../admin/readiness.ts";
import type { Activity } from "../../admin/status.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { Exchange } from "./messages/exchange.ts";
import { TlsDesk } from "./tls_threads.ts";
import type { ThreadAhead } from "./messages/thread_ahead.ts";
import type {
  FromWorker,
  News,
  Order,
  Question,
  ToWorker,
  WorkerPart,
  WorkerStart,
} from "./messages/worker_messages.ts";

/** What a worker's thread needs from its starter. */
export interface Starter {
  readonly libc: Libc;
  /** The module that starts a worker. */
  readonly entry: string | URL;
  /** The clock of deadlines for workers. */
  readonly clock: Clock;
  /** Answers a question; `desk` answers questions about TLS. */
  readonly answer: (question: Question, desk: TlsDesk, unwanted: Cut) => Promise<unknown>;
  readonly hear: (member: Member, news: News) => void;
  /** Called once, when the thread has ended; `cause` is the error that it threw. */
  readonly died: (member: Member, cause: unknown) => void;
}

/** A worker, as seen by the main thread. */
export class Member {
  readonly startedAt: number;
  /** Resolves when the worker listens. Rejects with NetError if it cannot, or with the cause of its earlier end. */
  readonly listening: Promise<void>;
  /** Resolves when a thread that was started ahead has its start data; never if that thread ends before. */
  readonly told: Promise<void> | undefined;
  /** The worker's last report, and its time. */
  vitals: ThreadVitals | undefined;
  heardAt: number;
  /** Time between its last two reports (ms). */
  pulseMs = 0;
  /** Its counters at the last request, and its activity without its sessions. */
  counted: Snapshot = [];
  activity: Activity | undefined;
  readonly #libc: Libc;
  readonly #clock: Clock;
  readonly #port: MessagePort;
  readonly #exchange: Exchange<Order, Question>;
  readonly #desk = new TlsDesk();
  #wakeFd: number | undefined;

  /** Starts the worker, in the thread `ahead` if that is given. */
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
    const { number } = part; // a reference to `part` in listeners would keep its first rules
    const workerData: WorkerStart = { gate46: "worker", port: port2, ...part };
    const worker = ahead?.worker ?? new Worker(entry as string, { workerData, transferList: [port2] });
    this.told = ahead?.tell(workerData, [port2]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.listening = promise;
    port1.on("message", (message: FromWorker) => {
      switch (message.type) {
        case "listening":
          this.#wakeFd = message.wakeFd;
          this.#wake(); // for messages sent before
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

  /** True if the worker listens and is alive. */
  get listens(): boolean {
    return this.#wakeFd !== undefined;
  }

  /** The worker's answer. Rejects with NetError: "timed-out" after `ms`, "closed" if the worker dies. */
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

  /** The worker has died: ends all communication with it, and all work for it. */
  abandon(): void {
    this.#wakeFd = undefined; // the descriptor may be reused, and answers to the dead worker are still coming
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
