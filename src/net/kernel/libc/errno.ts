import { type NetError, netError } from "../../error.ts";

export const EINTR = 4, EAGAIN = 11, EINVAL = 22, ECONNREFUSED = 111, EINPROGRESS = 115, EIO = 5, EMSGSIZE = 90;

/** Errors of refused calls: EPERM, ENOMEM, EACCES, EINVAL, ENOSYS, EOPNOTSUPP. */
export const refusals: ReadonlySet<number> = new Set([1, 12, 13, 22, 38, 95]);

/** Names of errno(3) numbers on Linux, for sources that give numbers only. */
export const errnoNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  32: "EPIPE",
  36: "ENAMETOOLONG",
  40: "ELOOP",
  90: "EMSGSIZE",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  103: "ECONNABORTED",
  104: "ECONNRESET",
  105: "ENOBUFS",
  107: "ENOTCONN",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  112: "EHOSTDOWN",
  113: "EHOSTUNREACH",
  122: "EDQUOT",
};

/** The NetError of an errno: "Cannot <verb> <what>: <words> (ENAME)". */
export function errnoError(errno: number, verb: string, what: string): NetError {
  return netError({ code: errnoNames[errno] ?? `errno ${errno}` }, verb, what);
}
