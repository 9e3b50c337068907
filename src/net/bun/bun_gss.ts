/// <reference types="bun-types" />
import { type GssCall, type GssLibrary, gssLibraryNames, gssSignatures } from "../gss/gss_library.ts";

const types: Record<string, string> = { i: "i32", u: "u32", p: "ptr", h: "ptr" };

/** How to open libgssapi_krb5 by bun:ffi, which throws where it is not there. */
export async function gssOpener(): Promise<() => GssLibrary> {
  const { dlopen, ptr, toArrayBuffer } = await import("bun:ffi");
  const symbols: Record<string, { args: string[]; returns: string }> = {};
  for (const [name, signature] of Object.entries(gssSignatures)) {
    const [parameters, result] = signature.split(":") as [string, string];
    symbols[name] = { args: Array.from(parameters, (letter) => types[letter]!), returns: types[result]! };
  }
  const open = (name: string): GssLibrary => {
    const { symbols: calls } = dlopen(name, symbols as unknown as Parameters<typeof dlopen>[1]);
    return {
      calls: calls as unknown as Record<GssCall, (...args: readonly unknown[]) => number>,
      addressOf: (buffer) => Number(ptr(buffer)),
      handle: (address) => address === 0n ? null : Number(address),
      copy: (address, size) =>
        size === 0
          ? new Uint8Array(0)
          : new Uint8Array(toArrayBuffer(Number(address) as Parameters<typeof toArrayBuffer>[0], 0, size)).slice(),
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
