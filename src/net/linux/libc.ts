/**
 * The few calls of libc that the runtimes do not offer. `libc_deno.ts` and `libc_bun.ts` bind them. All return what the
 * C function returns; buffers must outlive the call, which a synchronous foreign call guarantees.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, sockaddr: Uint8Array<ArrayBuffer>, size: number): number;
  getsockname(fd: number, sockaddr: Uint8Array<ArrayBuffer>, size: Uint32Array<ArrayBuffer>): number;
  getpeername(fd: number, sockaddr: Uint8Array<ArrayBuffer>, size: Uint32Array<ArrayBuffer>): number;
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Int32Array<ArrayBuffer>,
    size: Uint32Array<ArrayBuffer>,
  ): number;
  recvfrom(
    fd: number,
    bytes: Uint8Array<ArrayBuffer>,
    size: number,
    flags: number,
    sockaddr: Uint8Array<ArrayBuffer>,
    sockaddrSize: Uint32Array<ArrayBuffer>,
  ): number;
  sendto(
    fd: number,
    bytes: Uint8Array<ArrayBuffer>,
    size: number,
    flags: number,
    sockaddr: Uint8Array<ArrayBuffer>,
    sockaddrSize: number,
  ): number;
  close(fd: number): number;
  errno(): number;
}

/** Parameters and result of each function: i int, u unsigned, p pointer. */
export const signatures = {
  socket: "iii:i",
  connect: "ipu:i",
  getsockname: "ipp:i",
  getpeername: "ipp:i",
  getsockopt: "iiipp:i",
  recvfrom: "ipuipp:i",
  sendto: "ipuipu:i",
  close: "i:i",
  __errno_location: ":p",
} as const;

/** Where libc is found: glibc, then musl. */
export const libraryNames = ["libc.so.6", "libc.so"];
