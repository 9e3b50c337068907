import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { afterwards } from "../program/afterwards.ts";
import { within } from "../program/until.ts";
import { DEBIANS_PYTHON } from "./kdc.ts";
import { bytes, hex } from "../wire/bytes.ts";

/** What most clients ask for, beside their tokens being wrapped. */
const FLAGS = "mutual_authentication,replay_detection,out_of_sequence_detection,confidentiality,integrity";

/** Contexts of Debian's python3-gssapi, in a process of its own. */
export class Initiators {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  #rest = "";

  constructor(environment: Readonly<Record<string, string>>) {
    this.#child = spawn(DEBIANS_PYTHON, [join(import.meta.dirname!, "initiator.py")], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...environment },
    });
    afterwards(() => this.#child.kill("SIGKILL"));
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.#waiting.shift()?.(line);
    });
  }

  /** Of who has `ccache`, with `target`. */
  async begin(ccache: string, target: string, flags = FLAGS): Promise<Initiator> {
    return new Initiator((command) => this.#ask(command), await this.#ask(`new ${ccache} ${target} ${flags}`));
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  async #ask(command: string): Promise<string> {
    const answered = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#child.stdin!.write(`${command}\n`);
    const answer = await within(`an answer of python3-gssapi`, answered);
    if (answer.startsWith("error")) throw new Error(`Cannot ${command.split(" ", 1)[0]}: ${answer}`);
    return answer;
  }
}

/** One context. */
export class Initiator {
  readonly #ask: (command: string) => Promise<string>;
  readonly #id: string;

  constructor(ask: (command: string) => Promise<string>, id: string) {
    this.#ask = ask;
    this.#id = id;
  }

  /** What the acceptor is to get for its token, and whether that was all. */
  async step(token: Uint8Array = new Uint8Array(0)): Promise<{ readonly token: Uint8Array; readonly done: boolean }> {
    const [answer, state] = (await this.#ask(`step ${this.#id} ${text(token)}`)).split(" ");
    return { token: octets(answer!), done: state === "done" };
  }

  async wrap(message: Uint8Array, sealed: boolean): Promise<Uint8Array> {
    return octets(await this.#ask(`wrap ${this.#id} ${sealed ? 1 : 0} ${text(message)}`));
  }

  async unwrap(token: Uint8Array): Promise<{ readonly message: Uint8Array; readonly sealed: boolean }> {
    const [message, sealed] = (await this.#ask(`unwrap ${this.#id} ${text(token)}`)).split(" ");
    return { message: octets(message!), sealed: sealed === "1" };
  }
}

function text(octets: Uint8Array): string {
  return octets.length === 0 ? "-" : hex(octets).replaceAll(" ", "");
}

function octets(text: string): Uint8Array {
  return text === "-" ? new Uint8Array(0) : bytes(text);
}
