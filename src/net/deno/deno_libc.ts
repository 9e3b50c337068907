import { type ChildCalls, childSignatures } from "../kernel/libc/child_calls.ts";
import { type Libc, libraryNames, signatures } from "../kernel/libc/libc.ts";
import { openLibrary } from "./deno_library.ts";

/** libc; undefined off Linux and where FFI is not allowed. */
export function openLibc(): Libc | undefined {
  const library = Deno.build.os === "linux" ? openLibrary(libraryNames, signatures) : undefined;
  if (!library) return undefined;
  const { __errno_location, ...calls } = library.functions;
  const errno = new Deno.UnsafePointerView(__errno_location!() as Deno.PointerObject);
  return {
    ...calls,
    errno: () => errno.getInt32(),
    addressOf: (buffer: ArrayBuffer) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer))),
  } as unknown as Libc;
}

const childTypes: Record<string, Deno.NativeResultType> = { ...types, l: "i64", v: "void" };

/** What makes children; undefined where libc has it not. */
export function openChildCalls(): ChildCalls | undefined {
  const symbols: Record<string, Deno.ForeignFunction> = {};
  for (const [name, signature] of Object.entries(childSignatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = {
      parameters: Array.from(parameters, (letter) => childTypes[letter] as Deno.NativeType),
      result: childTypes[result]!,
    };
  }
  for (const library of libraryNames) {
    try {
      const { symbols: calls } = Deno.dlopen(library, symbols as Deno.ForeignLibraryInterface);
      const { dlsym, syscall, ...rest } = calls as Record<string, (...args: unknown[]) => unknown>;
      const asNumber = (call: (...args: unknown[]) => unknown) => (...args: unknown[]) => Number(call(...args));
      return { ...rest, dlsym: asNumber(dlsym!), syscall: asNumber(syscall!) } as unknown as ChildCalls;
    } catch {
      continue; // not this library, or not allowed
    }
  }
  return undefined;
}
