import process from "node:process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { ConfigError } from "../../config/config_error.ts";

/** Whether a person can be asked: standard input is a terminal. */
export function isTerminal(): boolean {
  return process.stdin.isTTY === true;
}

/** A line that a person types behind `prompt`, edited but without echo. Rejects with ConfigError where none comes, as after Ctrl-C. */
export async function askHidden(prompt: string): Promise<string> {
  const answer = nextLine(true); // from now on there is no echo: whoever sees the prompt may type
  process.stderr.write(prompt);
  const line = await answer;
  process.stderr.write("\n");
  if (line !== undefined) return line;
  throw new ConfigError("Cannot read the password: none was given");
}

/** One line of standard input, empty at its end. */
export async function inputLine(): Promise<string> {
  return await nextLine(false) ?? "";
}

function nextLine(terminal: boolean): Promise<string | undefined> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal });
  return new Promise((resolve) => {
    lines.once("line", (line) => {
      resolve(line);
      lines.close();
    });
    lines.once("close", () => resolve(undefined));
  });
}
