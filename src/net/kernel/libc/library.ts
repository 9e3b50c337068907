/**
 * A library of C, by its name. Parameters and result of each function are written as letters: i int, u unsigned, p memory of
 * ours, o a pointer of theirs, l a long or an address, v nothing. Larger C types pass as unsigned: values are small, both runtimes clear the rest
 * of the register, and 64-bit numbers cost either of them ten times as much. Undefined if none of the names can be opened.
 */
export type OpenLibrary = (
  names: readonly string[],
  signatures: Readonly<Record<string, string>>,
) => Library | undefined;

export interface Library {
  readonly name: string;
  readonly functions: Readonly<Record<string, (...args: unknown[]) => unknown>>;
  /** `bytes` for a parameter of letter o; the caller keeps them referenced while it is used. */
  pointerTo(bytes: Uint8Array<ArrayBuffer>): Pointer;
  /** The text at `pointer`, which ends with a zero octet. */
  textAt(pointer: Pointer): string;
  /** As Libc has it. */
  addressOf(buffer: ArrayBuffer): number;
  /** The memory at an address from the library; null for 0. */
  pointerAt(address: bigint): Pointer | null;
  /** A copy of the library's memory. */
  copy(address: bigint, size: number): Uint8Array<ArrayBuffer>;
}

/** A C pointer, in the runtime's type. A null pointer is null. */
export type Pointer = { readonly pointer: never };
