import { writeSync } from "node:fs";

/** Writes all of it: a disk that is nearly full takes a part at first. Throws the system's errors. */
export function writeAll(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
