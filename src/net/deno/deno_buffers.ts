/** Read buffers: a small one for each socket, and large ones lent to sockets with bulk data. */

/** Holds a whole SOCKS conversation and most of interactive traffic; an idle connection costs only this. */
export const SMALL_SIZE = 512;

/** Deno's per-read cost is paid off from about 256 KiB on; larger measured no better. */
export const LARGE_SIZE = 256 << 10;

/** A read of less than this is not bulk. */
export const BULK_SIZE = SMALL_SIZE;

/** Maximum memory of all large buffers; beyond it a socket keeps its small one. */
const MAX_LENT = (64 << 20) / LARGE_SIZE;
const MAX_SPARE = 16;

const spare: Uint8Array<ArrayBuffer>[] = [];
let lent = 0;

export function lendLarge(): Uint8Array<ArrayBuffer> | undefined {
  if (lent >= MAX_LENT) return undefined;
  lent++;
  return spare.pop() ?? new Uint8Array(LARGE_SIZE);
}

export function takeBack(buffer: Uint8Array<ArrayBuffer>): void {
  lent--;
  if (spare.length < MAX_SPARE) spare.push(buffer);
}
