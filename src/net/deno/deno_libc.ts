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
