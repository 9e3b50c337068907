import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { AskOutside } from "../../gateway/users/outside_users.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { answerOf, MAX_ANSWER, questionLine } from "./command_line.ts";

/** A process has so long for an answer (ms); the client's own deadline, --handshake-timeout, is longer. */
const ANSWER_MS = 5_000;

/** One that has had nothing to do for so long is let go (ms). */
const IDLE_MS = 60_000;

/** After one that died, hung or said what nobody understands, so long none is begun (ms). */
const REST_MS = 1_000;

const NEWLINE = 10;

/** Processes of one program, each of which answers one question at a time. */
export class CommandPool {
  readonly #command: readonly string[];
  readonly #clock: Clock;
  /** Those that wait for a question. */
  readonly #idle: CommandProcess[] = [];
  readonly #all = new Set<CommandProcess>();
  #restsUntil = -Infinity;
  #closed = false;

  /** As many run as are asked at one time. */
  constructor(command: readonly string[], clock: Clock) {
    this.#command = command;
    this.#clock = clock;
  }

  /** As AskOutside has it. */
  readonly ask: AskOutside = async ({ user, password }) => {
    const one = this.#idle.pop() ?? this.#begin();
    try {
      const good = answerOf(await one.ask(questionLine(user, password)));
      if (good === undefined) throw this.#unable("it says neither OK nor ERR");
      if (this.#closed) one.end();
      else {
        this.#idle.push(one);
        one.rest();
      }
      return good;
    } catch (error) {
      one.kill();
      this.#restsUntil = this.#clock.now() + REST_MS;
      throw error;
    }
  };

  /** Lets all go: those that have a question when they have answered. */
  close(): void {
    this.#closed = true;
    for (const one of this.#idle.splice(0)) one.end();
  }

  /** How many processes there are. */
  get size(): number {
    return this.#all.size;
  }

  #begin(): CommandProcess {
    if (this.#clock.now() < this.#restsUntil) throw this.#unable("it has just failed");
    const one = new CommandProcess(this.#command, this.#clock, (state) => this.#unable(state), () => {
      this.#all.delete(one);
      const place = this.#idle.indexOf(one);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    this.#all.add(one);
    return one;
  }

  #unable(state: string): NetError {
    return new NetError("busy", `Cannot ask ${this.#command[0]} (--auth-command): ${state}`);
  }
}

interface Asking {
  resolve(answer: string): void;
  reject(error: NetError): void;
}

class CommandProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #unable: (state: string) => NetError;
  readonly #gone: () => void;
  #asking: Asking | undefined;
  #heard = Buffer.alloc(0);
  #stopResting = () => {};
  #isGone = false;

  constructor(command: readonly string[], clock: Clock, unable: (state: string) => NetError, gone: () => void) {
    const [program, ...args] = command;
    this.#clock = clock;
    this.#unable = unable;
    this.#gone = gone;
    const child = this.#child = spawn(program!, args, { stdio: ["pipe", "pipe", "inherit"], env: plainEnvironment() });
    child.stdout!.on("data", (chunk: Buffer) => this.#hear(chunk));
    child.stdin!.on("error", () => this.#over("it has ended")); // EPIPE
    child.on("error", (error) => this.#over(`it cannot be begun: ${(error as { code?: string }).code}`));
    child.on("exit", () => this.#over("it has ended"));
  }

  /** Its next line. Rejects with NetError where there is none in time. */
  async ask(line: string): Promise<string> {
    this.#stopResting();
    if (this.#isGone) throw this.#unable("it has ended");
    let cancel = () => {};
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#asking = { resolve, reject };
        cancel = this.#clock.after(
          ANSWER_MS,
          () => reject(this.#unable(`it has not answered for ${ANSWER_MS / 1e3} s`)),
        );
        this.#child.stdin!.write(line);
      });
    } finally {
      cancel();
      this.#asking = undefined;
    }
  }

  rest(): void {
    this.#stopResting = this.#clock.after(IDLE_MS, () => this.end());
  }

  /** Its input ends, and so will it. */
  end(): void {
    this.#stopResting();
    this.#child.stdin!.end();
    this.#clock.after(ANSWER_MS, () => this.kill());
    this.#leave();
  }

  kill(): void {
    if (!this.#isGone && this.#child.pid !== undefined) process.kill(this.#child.pid, "SIGKILL");
    this.#over("it has ended");
  }

  /** Whoever says something unasked, or more than a line, might answer a question with what was meant for another. */
  #hear(chunk: Buffer): void {
    if (!this.#asking) return this.kill();
    this.#heard = Buffer.concat([this.#heard, chunk]);
    const end = this.#heard.indexOf(NEWLINE);
    if (end < 0 && this.#heard.length <= MAX_ANSWER) return;
    if (end !== this.#heard.length - 1) {
      this.#asking.reject(this.#unable("it says more than a line"));
      return this.kill();
    }
    this.#asking.resolve(this.#heard.toString("latin1"));
    this.#asking = undefined;
    this.#heard = Buffer.alloc(0);
  }

  #over(state: string): void {
    this.#isGone = true;
    this.#stopResting();
    this.#asking?.reject(this.#unable(state));
    this.#leave();
  }

  #leave(): void {
    this.#gone();
  }
}

/** Without this program's own, in which passwords may be. */
function plainEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GATE46_")));
}
