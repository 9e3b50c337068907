import { readFile, stat } from "node:fs/promises";
import { type Clock, systemClock } from "../../net/clock.ts";
import { ConfigError } from "../../config/config_error.ts";

/** What a person writes is far smaller. */
const MAX_SIZE = 16 << 20;

/** How long a file may take (ms). */
const READ_MS = 5_000;

const LINE_END = 10;

/** The content of a regular file that a person named. Rejects with ConfigError. */
export async function readText(file: string, options: Reading = {}): Promise<string> {
  const bytes = await readBytes(file, options);
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ConfigError(`Cannot read ${file} line ${firstWrongLine(bytes)}: it is not UTF-8`);
  }
}

export interface Reading {
  readonly clock?: Clock;
  readonly maxSize?: number;
}

/** The same, where it is no text. */
export function readBytes(
  file: string,
  { clock = systemClock, maxSize = MAX_SIZE }: Reading = {},
): Promise<Uint8Array> {
  return read(file, clock, maxSize);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

let underWay: Promise<unknown> | undefined;

/** In another thread of the runtime: a file on a network that is gone keeps that, and no other reading takes one more. */
async function read(file: string, clock: Clock, maxSize: number): Promise<Uint8Array> {
  if (underWay) throw new ConfigError(`Cannot read ${file}: another file has not been read yet`);
  let cancel = () => {};
  const late = new Promise<"late">((resolve) => cancel = clock.after(READ_MS, () => resolve("late")));
  const reading = readWhole(file, maxSize);
  try {
    const bytes = await Promise.race([reading, late]);
    if (bytes !== "late") return bytes;
  } finally {
    cancel();
  }
  const over = () => underWay = undefined;
  underWay = reading.then(over, over);
  throw new ConfigError(`Cannot read ${file}: that takes longer than ${READ_MS / 1_000} s`);
}

/** Rejects with ConfigError. To open a FIFO would wait for who writes to it. */
async function readWhole(file: string, maxSize: number): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  try {
    const found = await stat(file);
    if (!found.isFile() && !found.isDirectory()) throw new ConfigError(`Cannot read ${file}: it is no regular file`);
    if (found.size <= maxSize) bytes = await readFile(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read ${file}: ${(error as { code?: string }).code ?? error}`);
  }
  if (bytes && bytes.length <= maxSize) return bytes;
  throw new ConfigError(`Cannot read ${file}: it is larger than ${maxSize >> 20} MiB`);
}

function firstWrongLine(bytes: Uint8Array): number {
  for (let line = 1, at = 0;; line++) {
    const end = bytes.indexOf(LINE_END, at);
    try {
      utf8.decode(end < 0 ? bytes.subarray(at) : bytes.subarray(at, end));
    } catch {
      return line;
    }
    at = end + 1;
  }
}
