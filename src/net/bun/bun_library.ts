/// <reference types="bun-types" />
import type { Library, OpenLibrary, Pointer } from "../kernel/libc/library.ts";

const types: Record<string, string> = { i: "i32", u: "u32", p: "ptr", o: "ptr", l: "i64_fast", v: "void" };

/** By bun:ffi, which has to be loaded before. */
export async function libraryOpener(): Promise<OpenLibrary> {
  const { CString, dlopen, ptr, toArrayBuffer } = await import("bun:ffi");
  return (names, signatures) => {
    const symbols: Record<string, { args: string[]; returns: string }> = {};
    for (const [name, signature] of Object.entries(signatures)) {
      const [parameters, result] = signature.split(":") as [string, string];
      symbols[name] = { args: Array.from(parameters, (letter) => types[letter]!), returns: types[result]! };
    }
    for (const name of names) {
      try {
        const { symbols: functions } = dlopen(name, symbols as unknown as Parameters<typeof dlopen>[1]);
        return {
          name,
          functions: functions as unknown as Library["functions"],
          pointerTo: (bytes) => ptr(bytes) as unknown as Pointer,
          textAt: (pointer) => new CString(pointer as unknown as ReturnType<typeof ptr>).toString(),
          addressOf: (buffer) => Number(ptr(buffer)),
          pointerAt: (address) => address === 0n ? null : Number(address) as unknown as Pointer,
          copy: (address, size) =>
            size === 0
              ? new Uint8Array(0)
              : new Uint8Array(toArrayBuffer(Number(address) as ReturnType<typeof ptr>, 0, size)).slice(),
        };
      } catch {
        continue; // no such library: callers do without
      }
    }
    return undefined;
  };
}
