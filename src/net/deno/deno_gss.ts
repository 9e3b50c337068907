import { type GssCall, type GssLibrary, gssLibraryNames, gssSignatures } from "../gss/gss_library.ts";

const types: Record<string, Deno.NativeType> = { i: "i32", u: "u32", p: "buffer", h: "pointer" };

/** How to open libgssapi_krb5 by Deno.dlopen, which throws where it is not there, or not allowed. */
export function gssOpener(): () => GssLibrary {
  const symbols: Record<string, Deno.ForeignFunction> = {};
  for (const [name, signature] of Object.entries(gssSignatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = { parameters: Array.from(parameters, (letter) => types[letter]!), result: types[result]! };
  }
  const open = (name: string): GssLibrary => {
    const { symbols: calls } = Deno.dlopen(name, symbols as Deno.ForeignLibraryInterface);
    return {
      calls: calls as unknown as Record<GssCall, (...args: readonly unknown[]) => number>,
      addressOf: (buffer) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer))),
      handle: (address) => address === 0n ? null : Deno.UnsafePointer.create(address),
      copy: (address, size) => {
        const at = size === 0 ? null : Deno.UnsafePointer.create(address);
        return at ? new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(at, size)).slice() : new Uint8Array(0);
      },
    };
  };
  return () => {
    let failure: unknown;
    for (const name of gssLibraryNames) {
      try {
        return open(name);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  };
}
