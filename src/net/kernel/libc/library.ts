/**
 * A library of C, by its name. Parameters and result of each function are written as letters: i int, u unsigned, p memory of
 * ours, o a pointer of theirs, l a long or an address, v nothing. What is larger in C passes as unsigned: it is small, both runtimes clear the rest
 * of the register, and 64-bit numbers cost either of them ten times as much. Undefined where none of the names can be opened.
 */
export type OpenLibrary = (
  names: readonly string[],
  signatures: Readonly<Record<string, string>>,
) => Library | undefined;

export interface Library {
  readonly name: string;
  readonly functions: Readonly<Record<string, (...args: unknown[]) => unknown>>;
  /** `bytes` for a parameter of letter o; they have to be held as long as it is used. */
  pointerTo(bytes: Uint8Array<ArrayBuffer>): Pointer;
  /** The text at `pointer`, which ends with a zero octet. */
  textAt(pointer: Pointer): string;
  /** As Libc has it. */
  addressOf(buffer: ArrayBuffer): number;
  /** What is at an address that the library has told; null at 0. */
  pointerAt(address: bigint): Pointer | null;
  /** A copy of the library's memory. */
  copy(address: bigint, size: number): Uint8Array<ArrayBuffer>;
}

/** An address of C, as the runtime has it. A null pointer is null. */
export type Pointer = { readonly pointer: never };
