import type { Libc } from "./libc/libc.ts";

const value = new Uint8Array(4);
const view = new DataView(value.buffer);

/** Sets an option whose value is an int; false where the kernel refuses. */
export function setOption(libc: Libc, fd: number, level: number, name: number, number: number): boolean {
  view.setInt32(0, number, true);
  return libc.setsockopt(fd, level, name, value, 4) === 0;
}
