import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { AskOutside } from "../../gateway/users/outside_users.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { answerOf, MAX_ANSWER, questionLine } from "./command_line.ts";

/** Timeout of a process's answer (ms); the client's own deadline, --handshake-timeout, is longer. */
const ANSWER_MS = 5_000;

/** Time after which an idle process is ended (ms). */
const IDLE_MS = 60_000;

/** Time without new processes after one died, hung or gave an invalid answer (ms). */
const REST_MS = 1_000;

const NEWLINE = 10;

/** Processes of one program, each of which answers one question at a time. */
export class CommandPool {
  readonly #command: readonly string[];
  readonly #clock: Clock;
  /** Processes that wait for a question. */
  readonly #idle: CommandProcess[] = [];
  readonly #all = new Set<CommandProcess>();
  #restsUntil = -Infinity;
  #closed = false;

  /** Starts as many processes as there are questions at one time. */
  constructor(command: readonly string[], clock: Clock) {
    this.#command = command;
    this.#clock = clock;
  }

  /** See AskOutside. */
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

  /** Ends all processes; busy ones end after their answer. */
  close(): void {
    this.#closed = true;
    for (const one of this.#idle.splice(0)) one.end();
  }

  /** Number of processes. */
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

  /** Sends `line` and resolves with the next line of the process. Rejects with NetError if no line comes in time. */
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

  /** Closes the input of the process, which makes it exit. */
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

  /** Kills a process that writes unasked or more than one line: the text could be taken as another question's answer. */
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

/** The environment without this program's own variables, which may contain passwords. */
function plainEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GATE46_")));
}
