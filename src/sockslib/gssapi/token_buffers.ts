import { GSS_MESSAGE_HEADER_SIZE, MAX_TOKEN_SIZE } from "../../protocol/gssapi.ts";

/** Buffers kept for reuse; more are made when needed. */
const MOST = 16;

const kept: Uint8Array<ArrayBuffer>[] = [];

/** Room for any message. A fresh one for each token would keep the collector busy. */
export function lendBuffer(): Uint8Array<ArrayBuffer> {
  return kept.pop() ?? new Uint8Array(GSS_MESSAGE_HEADER_SIZE + MAX_TOKEN_SIZE);
}

/** Call it only when no reader uses the buffer any more. */
export function giveBack(buffer: Uint8Array<ArrayBuffer>): void {
  if (kept.length < MOST) kept.push(buffer);
}
