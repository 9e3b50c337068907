/// <reference types="bun-types" />
import process from "node:process";
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
