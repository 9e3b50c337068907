/// <reference types="bun-types" />
import process from "node:process";
import { type Libc, libraryNames, signatures } from "../kernel/libc/libc.ts";

const types: Record<string, string> = { i: "i32", u: "u32", p: "ptr" };

/** libc by bun:ffi; undefined off Linux and where it cannot be loaded. */
export async function openLibc(): Promise<Libc | undefined> {
  if (process.platform !== "linux") return undefined;
  const { dlopen, ptr, read } = await import("bun:ffi");
  const symbols: Record<string, { args: string[]; returns: string }> = {};
  for (const [name, signature] of Object.entries(signatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = { args: Array.from(parameters, (letter) => types[letter]!), returns: types[result]! };
  }
  for (const library of libraryNames) {
    try {
      const { symbols: functions } = dlopen(library, symbols as unknown as Parameters<typeof dlopen>[1]);
      const { __errno_location, ...calls } = functions as unknown as Record<string, (...args: unknown[]) => unknown>;
      const errno = __errno_location!() as Parameters<typeof read.i32>[0];
      return {
        ...calls,
        errno: () => read.i32(errno, 0),
        addressOf: (buffer: ArrayBuffer) => Number(ptr(buffer)),
      } as unknown as Libc;
    } catch {
      continue; // not this library: the callers have a way without
    }
  }
  return undefined;
}
