type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The calls of libc that the runtimes do not offer. `net/deno/deno_libc.ts` and `net/bun/bun_libc.ts` bind them. All return
 * what the C function returns; buffers must outlive the call, which a synchronous foreign call guarantees.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, sockaddr: Bytes, size: number): number;
  getsockname(fd: number, sockaddr: Bytes, size: Uint32Array<ArrayBuffer>): number;
  getpeername(fd: number, sockaddr: Bytes, size: Uint32Array<ArrayBuffer>): number;
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Int32Array<ArrayBuffer>,
    size: Uint32Array<ArrayBuffer>,
  ): number;
  recvfrom(
    fd: number,
    bytes: Bytes,
    size: number,
    flags: number,
    sockaddr: Bytes,
    sockaddrSize: Uint32Array<ArrayBuffer>,
  ): number;
  sendto(
    fd: number,
    bytes: Bytes,
    size: number,
    flags: number,
    sockaddr: Bytes,
    sockaddrSize: number,
  ): number;
  bind(fd: number, sockaddr: Bytes, size: number): number;
  listen(fd: number, backlog: number): number;
  accept(fd: number, sockaddr: Bytes, size: Uint32Array<ArrayBuffer>): number;
  accept4(fd: number, sockaddr: Bytes, size: Uint32Array<ArrayBuffer>, flags: number): number;
  setsockopt(fd: number, level: number, name: number, value: Bytes, size: number): number;
  recv(fd: number, bytes: Bytes, size: number, flags: number): number;
  send(fd: number, bytes: Bytes, size: number, flags: number): number;
  shutdown(fd: number, how: number): number;
  recvmsg(fd: number, message: Bytes, flags: number): number;
  sendmsg(fd: number, message: Bytes, flags: number): number;
  recvmmsg(fd: number, messages: Bytes, count: number, flags: number, timeout: null): number;
  sendmmsg(fd: number, messages: Bytes, count: number, flags: number): number;
  socketpair(domain: number, type: number, protocol: number, ends: Int32Array<ArrayBuffer>): number;
  pipe2(ends: Int32Array<ArrayBuffer>, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  splice(from: number, fromOffset: null, to: number, toOffset: null, size: number, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Int32Array<ArrayBuffer>): number;
  epoll_wait(epoll: number, events: Int32Array<ArrayBuffer>, count: number, timeoutMs: number): number;
  eventfd(value: number, flags: number): number;
  clock_gettime(clock: number, time: BigInt64Array<ArrayBuffer>): number;
  read(fd: number, bytes: Bytes, size: number): number;
  write(fd: number, bytes: Bytes, size: number): number;
  open(path: Bytes, flags: number, mode: number): number;
  poll(fds: Int32Array<ArrayBuffer>, count: number, timeoutMs: number): number;
  umask(mask: number): number;
  close(fd: number): number;
  errno(): number;
  /** The address of `buffer`: it does not move, and stays valid while `buffer` is referenced. */
  addressOf(buffer: ArrayBuffer): number;
}

/** As OpenLibrary takes them. */
export const signatures = {
  socket: "iii:i",
  connect: "ipu:i",
  getsockname: "ipp:i",
  getpeername: "ipp:i",
  getsockopt: "iiipp:i",
  recvfrom: "ipuipp:i",
  sendto: "ipuipu:i",
  bind: "ipu:i",
  listen: "ii:i",
  accept: "ipp:i",
  accept4: "ippi:i",
  setsockopt: "iiipu:i",
  recv: "ipui:i",
  send: "ipui:i",
  shutdown: "ii:i",
  recvmsg: "ipi:i",
  sendmsg: "ipi:i",
  recvmmsg: "ipuip:i",
  sendmmsg: "ipui:i",
  socketpair: "iiip:i",
  pipe2: "pi:i",
  fcntl: "iii:i",
  splice: "ipipuu:i",
  epoll_create1: "i:i",
  epoll_ctl: "iiip:i",
  epoll_wait: "ipii:i",
  eventfd: "ui:i",
  clock_gettime: "ip:i",
  read: "ipu:i",
  write: "ipu:i",
  open: "pii:i",
  poll: "pui:i",
  umask: "i:i",
  close: "i:i",
  __errno_location: ":o",
} as const;

/** Names of libc: glibc, then musl. */
export const libraryNames = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];
