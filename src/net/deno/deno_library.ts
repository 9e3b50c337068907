import type { Library, OpenLibrary, Pointer } from "../kernel/libc/library.ts";

const types: Record<string, Deno.NativeResultType> = {
  i: "i32",
  u: "u32",
  p: "buffer",
  o: "pointer",
  l: "i64",
  v: "void",
};

/** By Deno.dlopen, where that is allowed. */
export const openLibrary: OpenLibrary = (names, signatures) => {
  const symbols: Record<string, Deno.ForeignFunction> = {};
  for (const [name, signature] of Object.entries(signatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = {
      parameters: Array.from(parameters, (letter) => types[letter] as Deno.NativeType),
      result: types[result]!,
    };
  }
  for (const name of names) {
    try {
      const { symbols: functions } = Deno.dlopen(name, symbols as Deno.ForeignLibraryInterface);
      return {
        name,
        functions: functions as Library["functions"],
        pointerTo: (bytes) => Deno.UnsafePointer.of(bytes) as unknown as Pointer,
        textAt: (pointer) => Deno.UnsafePointerView.getCString(pointer as unknown as Deno.PointerObject),
        addressOf: (buffer) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer))),
        pointerAt: (address) => Deno.UnsafePointer.create(address) as unknown as Pointer | null,
        copy: (address, size) => {
          const at = size === 0 ? null : Deno.UnsafePointer.create(address);
          return at ? new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(at, size)).slice() : new Uint8Array(0);
        },
      };
    } catch {
      continue; // no such library, or not allowed: callers do without
    }
  }
  return undefined;
};
