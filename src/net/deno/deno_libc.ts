import { type Libc, libraryNames, signatures } from "../kernel/libc/libc.ts";

const types: Record<string, Deno.NativeType> = { i: "i32", u: "u32", p: "buffer" };

/** libc by Deno.dlopen; undefined off Linux and where FFI is not allowed. */
export function openLibc(): Libc | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const symbols: Record<string, Deno.ForeignFunction> = {};
  for (const [name, signature] of Object.entries(signatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = {
      parameters: Array.from(parameters, (letter) => types[letter]!),
      result: result === "p" ? "pointer" : types[result]!,
    };
  }
  for (const library of libraryNames) {
    try {
      const { symbols: functions } = Deno.dlopen(library, symbols as Deno.ForeignLibraryInterface);
      const { __errno_location, ...calls } = functions as Record<string, (...args: unknown[]) => unknown>;
      const errno = new Deno.UnsafePointerView(__errno_location!() as Deno.PointerObject);
      return {
        ...calls,
        errno: () => errno.getInt32(),
        addressOf: (buffer: ArrayBuffer) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer))),
      } as unknown as Libc;
    } catch {
      continue; // not this library, or not allowed: the callers have a way without
    }
  }
  return undefined;
}
