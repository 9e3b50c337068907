import { codeText } from "./error_words.ts";

/** Kinds of network errors, named after socket errors. */
export type NetErrorKind =
  | "network-unreachable"
  | "host-unreachable"
  | "refused"
  | "timed-out"
  | "reset"
  | "closed"
  | "address-in-use"
  | "address-not-available"
  | "no-such-name"
  | "name-lookup-failed"
  | "permission-denied"
  | "no-descriptors"
  | "family-not-supported"
  | "aborted"
  | "busy"
  | "other";

/** A network error. */
export class NetError extends Error {
  /** For people. */
  override readonly name = "NetError";
  /** Why. */
  readonly kind: NetErrorKind;

  /** `message` reads "Cannot <verb> <what>: <state>". */
  constructor(kind: NetErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

const kinds: Readonly<Record<string, NetErrorKind>> = {
  ENETUNREACH: "network-unreachable",
  ENETDOWN: "network-unreachable",
  EHOSTUNREACH: "host-unreachable",
  EHOSTDOWN: "host-unreachable",
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timed-out",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ENOTCONN: "closed",
  EBADF: "closed",
  EADDRINUSE: "address-in-use",
  EADDRNOTAVAIL: "address-not-available",
  ENODEV: "address-not-available", // for an interface that does not exist
  ENOTFOUND: "no-such-name",
  EAI_NONAME: "no-such-name",
  EACCES: "permission-denied",
  EPERM: "permission-denied",
  EMFILE: "no-descriptors",
  ENFILE: "no-descriptors",
  ENOBUFS: "no-descriptors",
  ENOMEM: "no-descriptors",
  EAFNOSUPPORT: "family-not-supported",
  EPROTONOSUPPORT: "family-not-supported",
};

export function errnoKind(code: unknown): NetErrorKind {
  return (typeof code === "string" && kinds[code]) || "other";
}

/** The NetError for any error of a runtime; `verb` and `what` name the failed action: "Cannot <verb> <what>: …". */
export function netError(error: unknown, verb: string, what: string): NetError {
  if (error instanceof NetError) return error;
  const { code, name, message } = error as { code?: string; name?: string; message?: string };
  const kind = name === "AbortError" ? "aborted" : errnoKind(code);
  return new NetError(kind, `Cannot ${verb} ${what}: ${code ? codeText(code) : message ?? name}`, {
    cause: error,
  });
}
