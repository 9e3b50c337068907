import { type NetError, netError } from "../error.ts";
import { errnoNames } from "../kernel/libc/errno.ts";

/** Older Denos give some errors no code, only a class. */
const codes: Readonly<Record<string, string>> = {
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
  BadResource: "EBADF",
  Interrupted: "EBADF",
  BrokenPipe: "EPIPE",
  ConnectionAborted: "ECONNABORTED",
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  NotConnected: "ENOTCONN",
  PermissionDenied: "EACCES",
  TimedOut: "ETIMEDOUT",
};

/** The NetError for an error of Deno. */
export function denoError(error: unknown, verb: string, what: string): NetError {
  const { code, name, message } = error as { code?: string; name: string; message?: string };
  const number = /os error (\d+)/.exec(message ?? "")?.[1];
  const known = code ?? codes[name] ?? (number && errnoNames[Number(number)]);
  return netError(known ? { code: known, message, name } : error, verb, what);
}
