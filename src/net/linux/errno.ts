/** Names of errno(3) numbers on Linux, for what tells numbers only. */
export const errnoNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  13: "EACCES",
  23: "ENFILE",
  24: "EMFILE",
  97: "EAFNOSUPPORT",
  101: "ENETUNREACH",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  113: "EHOSTUNREACH",
};
