import os from "node:os";
import { Reply } from "../../protocol/codes.ts";
import type { NetErrorKind } from "../../net/error.ts";

/** The error code of a socket for each reply (RFC 1928 s6). */
const replyCodes: Readonly<Record<number, string>> = {
  1: "ECONNABORTED",
  2: "EACCES",
  3: "ENETUNREACH",
  4: "EHOSTUNREACH",
  5: "ECONNREFUSED",
  6: "ETIMEDOUT",
  7: "EOPNOTSUPP",
  8: "EAFNOSUPPORT",
};

const kindCodes: Readonly<Record<NetErrorKind, string>> = {
  "network-unreachable": "ENETUNREACH",
  "host-unreachable": "EHOSTUNREACH",
  refused: "ECONNREFUSED",
  "timed-out": "ETIMEDOUT",
  reset: "ECONNRESET",
  closed: "ECONNRESET",
  "address-in-use": "EADDRINUSE",
  "address-not-available": "EADDRNOTAVAIL",
  "no-such-name": "ENOTFOUND",
  "name-lookup-failed": "EAI_AGAIN",
  "permission-denied": "EACCES",
  "no-descriptors": "EMFILE",
  "family-not-supported": "EAFNOSUPPORT",
  aborted: "ECONNABORTED",
  busy: "EAGAIN",
  other: "ECONNABORTED",
};

/** The socket error code for an error of the SOCKS client. */
export function errorCode(error: unknown): string {
  const { reply, kind } = error as { reply?: number; kind?: NetErrorKind };
  return (reply !== undefined ? replyCodes[reply] : kind && kindCodes[kind]) ?? "ECONNABORTED";
}

/** The reply for `code`. */
export function replyOf(code: unknown): Reply {
  const found = Object.entries(replyCodes).find(([, known]) => known === code);
  return code === "ENOTFOUND" ? Reply.HostUnreachable : Number(found?.[0] ?? Reply.GeneralFailure) as Reply;
}

/** errno as libuv has it: negative. */
export function errorNumber(code: string): number {
  const errno = (os.constants.errno as unknown as Record<string, number | undefined>)[code];
  return -(errno ?? os.constants.errno.ECONNABORTED);
}

/** The error of a socket call, with the fields Node.js documents; its cause has the true reason. */
export function socketError(
  cause: unknown,
  syscall: string,
  to: { readonly host: string; readonly port: number },
): Error {
  const code = errorCode(cause);
  const fields = code === "ENOTFOUND"
    ? { errno: NO_NAME, code, syscall: "getaddrinfo", hostname: to.host }
    : { errno: errorNumber(code), code, syscall, address: to.host, port: to.port };
  const what = code === "ENOTFOUND" ? `getaddrinfo ENOTFOUND ${to.host}` : `${syscall} ${code} ${to.host}:${to.port}`;
  return Object.assign(new Error(what, { cause }), fields);
}

/** libuv's UV_EAI_NONAME. */
export const NO_NAME = -3008;
