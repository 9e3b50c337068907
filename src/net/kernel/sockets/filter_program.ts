import type { Libc } from "../libc/libc.ts";

/** struct sock_filter: an instruction of classic BPF (linux/filter.h). */
export type Instruction = readonly [code: number, then: number, otherwise: number, value: number];

/** struct sock_fprog of these instructions, and the memory that it points to, to be kept referenced. */
export function filterProgram(
  libc: Libc,
  filter: readonly Instruction[],
): { readonly program: Uint8Array<ArrayBuffer>; readonly held: unknown } {
  const code = new Uint8Array(8 * filter.length), view = new DataView(code.buffer);
  filter.forEach(([operation, then, otherwise, value], i) => {
    view.setUint16(8 * i, operation, true);
    code[8 * i + 2] = then;
    code[8 * i + 3] = otherwise;
    view.setUint32(8 * i + 4, value, true);
  });
  const program = new Uint8Array(16), fields = new DataView(program.buffer);
  fields.setUint16(0, filter.length, true);
  fields.setBigUint64(8, BigInt(libc.addressOf(code.buffer)), true);
  return { program, held: code };
}
