/// <reference types="bun-types" />
import process from "node:process";
import { type ChildCalls, childSignatures } from "../kernel/libc/child_calls.ts";
import { type Libc, libraryNames, signatures } from "../kernel/libc/libc.ts";
import { libraryOpener } from "./bun_library.ts";

/** libc; undefined off Linux and where it cannot be loaded. */
export async function openLibc(): Promise<Libc | undefined> {
  if (process.platform !== "linux") return undefined;
  const { ptr, read } = await import("bun:ffi");
  const library = (await libraryOpener())(libraryNames, signatures);
  if (!library) return undefined;
  const { __errno_location, ...calls } = library.functions;
  const errno = __errno_location!() as Parameters<typeof read.i32>[0];
  return {
    ...calls,
    errno: () => read.i32(errno, 0),
    addressOf: (buffer: ArrayBuffer) => Number(ptr(buffer)),
  } as unknown as Libc;
}

const childTypes: Record<string, string> = { ...types, l: "i64_fast", v: "void" };

/** What makes children; undefined where libc has it not. */
export async function openChildCalls(): Promise<ChildCalls | undefined> {
  const { dlopen } = await import("bun:ffi");
  const symbols: Record<string, { args: string[]; returns: string }> = {};
  for (const [name, signature] of Object.entries(childSignatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = { args: Array.from(parameters, (letter) => childTypes[letter]!), returns: childTypes[result]! };
  }
  for (const library of libraryNames) {
    try {
      const { symbols: calls } = dlopen(library, symbols as unknown as Parameters<typeof dlopen>[1]);
      const { dlsym, syscall, ...rest } = calls as unknown as Record<string, (...args: unknown[]) => unknown>;
      const asNumber = (call: (...args: unknown[]) => unknown) => (...args: unknown[]) => Number(call(...args));
      return { ...rest, dlsym: asNumber(dlsym!), syscall: asNumber(syscall!) } as unknown as ChildCalls;
    } catch {
      continue; // not this library
    }
  }
  return undefined;
}
