import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { within } from "../program/until.ts";

export const hasPython = spawnSync("python3", ["-c", "pass"]).status === 0;

/** A TCP peer in a process of its own, in a language of its own: an observer without the runtimes' habits. */
export class PythonPeer {
  readonly #child: ChildProcess = spawn("python3", [join(import.meta.dirname!, "python.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  readonly #answers: string[] = [];
  #rest = "";
  #wake = () => {};

  constructor() {
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop()!;
      this.#answers.push(...lines);
      this.#wake();
    });
  }

  /** Its address. `backlog` connections may wait for accept(). */
  async listen(host: string, backlog = 16): Promise<SocketAddr> {
    return { host, port: Number(await this.#ask(`listen ${host} ${backlog}`)) };
  }

  async accept(): Promise<void> {
    await this.#ask("accept");
  }

  async connect({ host, port }: SocketAddr): Promise<void> {
    await this.#ask(`connect ${host} ${port}`);
  }

  /** Connects, and is gone by RST before anyone can have accepted. */
  async connectAndReset({ host, port }: SocketAddr): Promise<void> {
    await this.#ask(`connect_and_reset ${host} ${port}`);
  }

  async send(size: number): Promise<void> {
    await this.#ask(`send ${size}`);
  }

  /** Blocks of 'x', and an urgent '!' behind each. */
  async sendMarked(blocks: number, size: number): Promise<void> {
    await this.#ask(`send_marked ${blocks} ${size}`);
  }

  /** An urgent '!'. */
  async urgent(): Promise<void> {
    await this.#ask("urgent");
  }

  async finish(): Promise<void> {
    await this.#ask("finish");
  }

  async reset(): Promise<void> {
    await this.#ask("reset");
  }

  /** Reads up to the end: "end SIZE" or "reset". */
  hear(): Promise<string> {
    return this.#ask("hear");
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  async #ask(command: string): Promise<string> {
    this.#child.stdin!.write(`${command}\n`);
    while (this.#answers.length === 0) {
      await within(`the answer to ${command}`, new Promise<void>((resolve) => this.#wake = resolve));
    }
    const answer = this.#answers.shift()!;
    if (answer.startsWith("error")) throw new Error(`Cannot ${command}: ${answer}`);
    return answer;
  }
}
