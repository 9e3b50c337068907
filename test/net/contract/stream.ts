import { createHash } from "node:crypto";
import { NetError } from "../../../src/net/error.ts";
import type { Socket } from "../../../src/net/socket.ts";
import { concat } from "../../support/wire/tcp.ts";
import { within } from "../../support/program/until.ts";

/** What a socket brought up to its end. */
export interface Heard {
  readonly size: number;
  readonly hash: string;
}

export function hash(...parts: readonly Uint8Array[]): string {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part);
  return sum.digest("hex");
}

/** Octets without a pattern, the same ones for the same seed. */
export function noise(size: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed * 0x9e3779b1 | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** All up to the end; rejects as read() does. */
export async function hear(socket: Socket): Promise<Heard> {
  const sum = createHash("sha256");
  let size = 0;
  for (let chunk = await socket.read(); chunk; chunk = await socket.read()) {
    sum.update(chunk);
    size += chunk.length;
  }
  return { size, hash: sum.digest("hex") };
}

/** At least `size` octets: as many reads as that takes. */
export async function take(socket: Socket, size: number): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array(0);
  while (bytes.length < size) {
    const chunk = await within(`${size} octets, of which ${bytes.length} came`, socket.read());
    if (!chunk) throw new Error(`Cannot take ${size} octets: the end came after ${bytes.length}`);
    bytes = concat(bytes, chunk);
  }
  return bytes;
}

/** Sends back all that comes, and then the end. */
export async function echo(socket: Socket): Promise<void> {
  for (let chunk = await socket.read(); chunk; chunk = await socket.read()) await socket.write(chunk);
  await socket.closeWrite();
}

/** Writes now and then until that fails, and rejects as write() does. */
export async function writeOn(socket: Socket): Promise<never> {
  for (;;) {
    await socket.write(Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** How a stream goes on: "end" after any octets, or the kind of NetError. */
export async function ending(socket: Socket): Promise<string> {
  try {
    await within("the end of a stream", hear(socket));
    return "end";
  } catch (error) {
    return failure(error);
  }
}

/** The kind of the NetError that `promise` rejects with. */
export async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await within("a failure", promise);
    return "none";
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): string {
  if (error instanceof NetError) return error.kind;
  throw error;
}

/** Whether `promise` is still unsettled after `ms`. */
export async function isPending(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<"late">((resolve) => timer = setTimeout(() => resolve("late"), ms));
  try {
    return await Promise.race([promise.then(() => "settled", () => "settled"), late]) === "late";
  } finally {
    clearTimeout(timer!);
  }
}
