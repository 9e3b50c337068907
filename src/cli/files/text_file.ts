import { readFile, stat } from "node:fs/promises";
import { type Clock, systemClock } from "../../net/clock.ts";
import { ConfigError } from "../../config/config_error.ts";
import { stateOf } from "../../net/error_words.ts";

/** Maximum size (octets): files that people write are far smaller. */
const MAX_SIZE = 16 << 20;

/** Timeout for reading a file (ms). */
const READ_MS = 5_000;

const LINE_END = 10;

/** The text of a regular file that the user named. Rejects with ConfigError. */
export async function readText(file: string, options: Reading = {}): Promise<string> {
  return decoded(await readBytes(file, options), file);
}

/** The same for at most `maxSize` octets; undefined if the file is larger. Rejects with ConfigError. */
export async function readShortText(file: string, maxSize: number): Promise<string | undefined> {
  const bytes = await read(file, systemClock, maxSize);
  return bytes && decoded(bytes, file);
}

function decoded(bytes: Uint8Array, file: string): string {
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

/** The same for a file that is not text. */
export async function readBytes(
  file: string,
  { clock = systemClock, maxSize = MAX_SIZE }: Reading = {},
): Promise<Uint8Array> {
  const bytes = await read(file, clock, maxSize);
  if (bytes) return bytes;
  throw new ConfigError(`Cannot read ${file}: it is larger than ${maxSize >> 20} MiB`);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

let underWay: Promise<unknown> | undefined;

/** Undefined if larger. Runs in a runtime thread, which a file on a lost network blocks: other reads are refused meanwhile. */
async function read(file: string, clock: Clock, maxSize: number): Promise<Uint8Array | undefined> {
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

/** Rejects with ConfigError. FIFOs are refused: opening one waits for a writer. */
async function readWhole(file: string, maxSize: number): Promise<Uint8Array | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile() && !found.isDirectory()) throw new ConfigError(`Cannot read ${file}: it is not a regular file`);
    if (found.size > maxSize) return undefined;
    const bytes = await readFile(file);
    return bytes.length <= maxSize ? bytes : undefined; // the file may have grown
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read ${file}: ${stateOf(error)}`);
  }
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
