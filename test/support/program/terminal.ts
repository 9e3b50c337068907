import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { afterwards } from "./afterwards.ts";
import { kill } from "./kill.ts";
import { until } from "./until.ts";

/** A command on a terminal, which Python makes: it is a person's end of it that the test has. */
export interface Terminal {
  /** All it has shown so far. */
  shown(): string;
  /** Waits until it has shown that, behind what was waited for before. */
  shows(text: string | RegExp): Promise<void>;
  type(keys: string): void;
  resize(rows: number, columns: number): void;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

/** Runs `command` on a terminal of that size. */
export function onTerminal(
  command: readonly string[],
  { rows = 24, columns = 100, env = {} }: {
    readonly rows?: number;
    readonly columns?: number;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Terminal {
  const child = spawn(
    "python3",
    [join(import.meta.dirname!, "../python/screen.py"), String(rows), String(columns), ...command],
    { stdio: ["pipe", "pipe", "inherit", "pipe"], env: { ...process.env, TERM: "xterm", ...env } },
  );
  const { 0: stdin, 1: stdout, 3: sizes } = child.stdio as unknown as [Writable, Readable, null, Writable];
  let shown = "", seen = 0;
  stdout.setEncoding("utf8").on("data", (text: string) => shown += text);
  for (const input of [stdin, sizes]) input.on("error", () => {}); // it may just have ended
  const forget = afterwards(() => kill(child.pid!, "SIGKILL"));
  const ended = new Promise<number | null>((resolve) =>
    child.on("close", (code) => {
      forget();
      resolve(code);
    })
  );
  return {
    shown: () => shown,
    shows: async (text) => {
      await until(`the terminal shows ${text}`, () => {
        const rest = shown.slice(seen);
        const at = typeof text === "string" ? rest.indexOf(text) : rest.search(text);
        if (at < 0) return false;
        seen += at + (typeof text === "string" ? text.length : text.exec(rest)![0].length);
        return true;
      }).catch((error) => {
        throw new Error(`${(error as Error).message}: it shows ${JSON.stringify(shown)}`);
      });
    },
    type: (keys) => void stdin.write(keys),
    resize: (rows, columns) => void sizes.write(`${rows} ${columns}\n`),
    ended,
  };
}
