import process from "node:process";
import type { Clock } from "../../net/clock.ts";

/** A terminal for output and keys. */
export interface Screen {
  /** The current rows and columns. */
  size(): Size;
  /** Shows these lines only; cuts long lines, and lines that do not fit. */
  draw(lines: readonly string[]): void;
  /** The next key, "q" also for Ctrl-C and a closed terminal; undefined after `withinMs`, or if the size changed. */
  key(withinMs: number): Promise<string | undefined>;
  /** Restores the terminal. */
  close(): void;
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Switches to the alternate screen without cursor and line wrap (wide characters take two columns); and back. */
const OPEN = "\x1b[?1049h\x1b[?25l\x1b[?7l", CLOSE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H", TO_LINE_END = "\x1b[K", BELOW = "\x1b[J";

export function openScreen(clock: Clock): Screen {
  const { stdin, stdout } = process;
  const keys: string[] = [];
  let wake: ((key: string | undefined) => void) | undefined;
  const hear = (key: string | undefined) => {
    if (wake) wake(key);
    else if (key !== undefined) keys.push(key);
  };
  const typed = (text: string | Uint8Array) => {
    for (const key of String(text)) hear(key === "\x03" ? "q" : key);
  };
  const left = () => hear("q");
  const resized = () => hear(undefined);
  const hasKeys = stdin.isTTY === true;
  if (hasKeys) {
    stdin.setRawMode(true);
    stdin.on("data", typed).on("end", left);
  }
  stdout.on("resize", resized).on("error", left);
  for (const signal of signals) process.on(signal, left);
  stdout.write(OPEN);
  const size = () => ({ rows: stdout.rows || 24, columns: stdout.columns || 80 });
  return {
    size,
    draw: (lines) => {
      const { rows, columns } = size();
      const shown = lines.slice(0, rows).map((line) => Array.from(line).slice(0, columns).join("") + TO_LINE_END);
      stdout.write(HOME + shown.join("\r\n") + BELOW);
    },
    key: (withinMs) => {
      if (keys.length > 0) return Promise.resolve(keys.shift());
      return new Promise((resolve) => {
        const cancel = clock.after(withinMs, () => hear(undefined));
        wake = (key) => {
          wake = undefined;
          cancel();
          resolve(key);
        };
      });
    },
    close: () => {
      for (const signal of signals) process.off(signal, left);
      stdout.off("resize", resized);
      if (hasKeys) {
        stdin.off("data", typed).off("end", left);
        stdin.setRawMode(false);
        stdin.pause();
      }
      stdout.write(CLOSE);
    },
  };
}

const signals = ["SIGTERM", "SIGHUP", "SIGINT"] as const;
