/** Numbers of the Linux ABI, the same on x64 and arm64 (linux/socket.h, asm-generic/socket.h, netinet/tcp.h, eventpoll.h). */

export const SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2,
  SO_TYPE = 3,
  SO_ERROR = 4,
  SO_SNDBUF = 7,
  SO_RCVBUF = 8,
  SO_KEEPALIVE = 9,
  SO_OOBINLINE = 10,
  SO_LINGER = 13;
export const SO_REUSEPORT = 15,
  SO_BINDTODEVICE = 25,
  SO_ACCEPTCONN = 30,
  SO_SNDBUFFORCE = 32,
  SO_RCVBUFFORCE = 33,
  SO_MARK = 36;
export const SO_ATTACH_REUSEPORT_CBPF = 51, SO_DETACH_REUSEPORT_BPF = 68;

export const IPPROTO_IP = 0, IP_FREEBIND = 15, IP_BIND_ADDRESS_NO_PORT = 24;
export const IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26;
export const IPPROTO_TCP = 6,
  TCP_NODELAY = 1,
  TCP_KEEPIDLE = 4,
  TCP_KEEPINTVL = 5,
  TCP_KEEPCNT = 6,
  TCP_USER_TIMEOUT = 18;
export const IPPROTO_UDP = 17, UDP_SEGMENT = 103, UDP_GRO = 104;

export const SHUT_WR = 1;
export const MSG_PEEK = 2, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;

export const EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3;
export const EPOLLIN = 1, EPOLLPRI = 2, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 0x10, EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 1 << 28, EPOLLET = 1 << 31;

export const EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800;

export const POLLOUT = 4;

export const O_WRONLY = 1,
  O_CREAT = 0x40,
  O_NOCTTY = 0x100,
  O_APPEND = 0x400,
  O_NONBLOCK = 0x800,
  O_CLOEXEC = 0x80000,
  F_SETFD = 2,
  F_SETFL = 4,
  F_DUPFD_CLOEXEC = 1030,
  F_SETPIPE_SZ = 1031;
export const FD_CLOEXEC = 1, CLOCK_MONOTONIC = 1;
export const SPLICE_F_MOVE = 1, SPLICE_F_NONBLOCK = 2;
