/** Words for the codes of errno(3) and of resolvers. */
const words: Readonly<Record<string, string>> = {
  EACCES: "not allowed",
  EPERM: "not allowed",
  ENOENT: "it is not there",
  ENXIO: "nobody is at its other end",
  EEXIST: "it is there already",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "the name is too long",
  EBUSY: "it is in use",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EROFS: "the file system is read-only",
  ESRCH: "no such process",
  EADDRINUSE: "the address is taken",
  EADDRNOTAVAIL: "this host has no such address",
  EAFNOSUPPORT: "this host has no such addresses",
  ENODEV: "no such interface",
  ENOTFOUND: "no such name",
  EAI_NONAME: "no such name",
  ENODATA: "the name has no address",
  EAI_AGAIN: "the resolver does not answer",
  ECONNREFUSED: "refused",
  ETIMEDOUT: "no answer",
  ENETUNREACH: "there is no route",
  ENETDOWN: "the network is down",
  EHOSTUNREACH: "the host is not reachable",
  EHOSTDOWN: "the host is down",
  ECONNRESET: "the other side has reset it",
  ECONNABORTED: "it was aborted",
  EPIPE: "the other side has closed it",
  EMFILE: "this process has no descriptor left",
  ENFILE: "the system has no descriptor left",
  ENOBUFS: "no memory is left for it",
  ENOMEM: "no memory is left for it",
};

/** The words for a code, then the code; an unknown code stays alone. */
export function codeText(code: string): string {
  const said = Object.hasOwn(words, code) ? words[code] : undefined;
  return said === undefined ? code : `${said} (${code})`;
}

/** The state in a runtime's error: its code with words, else its message. */
export function stateOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === "string" ? codeText(code) : String(message ?? error);
}
