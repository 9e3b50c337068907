import process from "node:process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { ConfigError } from "../../config/config_error.ts";

/** True if the user can be asked: standard input is a terminal. */
export function isTerminal(): boolean {
  return process.stdin.isTTY === true;
}

/** A line that the user types after `prompt`, editable, without echo. Rejects with ConfigError without one, as after Ctrl-C. */
export async function askHidden(prompt: string): Promise<string> {
  const answer = nextLine(true); // echo is off from here on, before the prompt appears
  process.stderr.write(prompt);
  const line = await answer;
  process.stderr.write("\n");
  if (line !== undefined) return line;
  throw new ConfigError("Cannot read the password: none was given");
}

/** One line of standard input; empty at the end of input. */
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
