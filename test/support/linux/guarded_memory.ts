import { libraryOpener } from "../../../src/net/open.ts";
import { runtime } from "../program/runtime.ts";

const PROT_READ_WRITE = 3, MAP_PRIVATE_ANONYMOUS = 0x22, PAGE_SIZE = 64 << 10; // of any machine

/** `size` octets, a multiple of PAGE_SIZE, before and behind which whoever reads or writes ends the process. */
export async function guardedMemory(size: number): Promise<Uint8Array<ArrayBuffer>> {
  const signatures = { mmap: "ouiiiu:o", mprotect: "oui:i" };
  const { functions } = (await libraryOpener())(["libc.so.6"], signatures)!;
  const all = functions.mmap!(null, size + 2 * PAGE_SIZE, 0, MAP_PRIVATE_ANONYMOUS, -1, 0);
  const memory = await behind(all, PAGE_SIZE);
  if (functions.mprotect!(memory, size, PROT_READ_WRITE) !== 0) throw new Error("Cannot guard memory");
  return new Uint8Array(await bufferAt(memory, size));
}

async function behind(pointer: unknown, size: number): Promise<unknown> {
  if (runtime === "bun") return pointer as number + size;
  const { UnsafePointer } = await denoMemory();
  return UnsafePointer.offset(pointer as never, size);
}

async function bufferAt(pointer: unknown, size: number): Promise<ArrayBuffer> {
  if (runtime !== "bun") return (await denoMemory()).UnsafePointerView.getArrayBuffer(pointer as never, size);
  const { toArrayBuffer } = await import("bun:ffi");
  return toArrayBuffer(pointer as never, 0, size);
}

function denoMemory(): Promise<typeof Deno> {
  return Promise.resolve((globalThis as unknown as { Deno: typeof Deno }).Deno);
}
