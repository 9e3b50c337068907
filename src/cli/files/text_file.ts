import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { ConfigError } from "../../config/error.ts";

/** What a person writes is far smaller, and what has no end, as /dev/zero, is larger. */
const MAX_SIZE = 16 << 20;

const LINE_END = 10;

/** The content of a file that a person named. Throws ConfigError. */
export function readText(file: string): string {
  const bytes = read(file);
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ConfigError(`Cannot read ${file} line ${firstWrongLine(bytes)}: it is not UTF-8`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function read(file: string): Uint8Array {
  let fd;
  try {
    fd = openSync(file, "r");
    const chunks: Uint8Array[] = [];
    for (let size = 0; size <= MAX_SIZE;) {
      const chunk = new Uint8Array(64 << 10);
      const count = readSync(fd, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      size += count;
    }
  } catch (error) {
    throw new ConfigError(`Cannot read ${file}: ${(error as { code?: string }).code ?? error}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  throw new ConfigError(`Cannot read ${file}: it is larger than 16 MiB`);
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
