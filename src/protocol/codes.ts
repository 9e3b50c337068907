/** Numbers of the SOCKSv5 protocol, with the words of RFC 1928. */

/** VER of every SOCKSv5 message (RFC 1928 s3). */
export const SOCKS_VERSION = 5;

/** Authentication methods (RFC 1928 s3). */
export const Method = {
  NoAuthentication: 0x00,
  Gssapi: 0x01,
  UsernamePassword: 0x02,
  NoneAcceptable: 0xff,
} as const;
/** One of them. */
export type Method = (typeof Method)[keyof typeof Method];

/**
 * CMD of a request (RFC 1928 s4), the one that hev-socks5-server adds, the two of Tor's socks-extensions, and forwarding, which
 * no client requests and no octet stands for: the listener has a fixed destination.
 */
export const Command = {
  Connect: 0x01,
  Bind: 0x02,
  UdpAssociate: 0x03,
  UdpInTcp: 0x05,
  Resolve: 0xf0,
  ResolvePtr: 0xf1,
  Forward: 0x100,
} as const;
/** One of them. */
export type Command = (typeof Command)[keyof typeof Command];

/** ATYP of an address (RFC 1928 s5). */
export const AddressType = { IPv4: 0x01, DomainName: 0x03, IPv6: 0x04 } as const;
/** One of them. */
export type AddressType = (typeof AddressType)[keyof typeof AddressType];

/** REP of a reply (RFC 1928 s6). */
export const Reply = {
  Succeeded: 0x00,
  GeneralFailure: 0x01,
  NotAllowed: 0x02,
  NetworkUnreachable: 0x03,
  HostUnreachable: 0x04,
  ConnectionRefused: 0x05,
  TtlExpired: 0x06,
  CommandNotSupported: 0x07,
  AddressTypeNotSupported: 0x08,
} as const;
/** One of them. */
export type Reply = (typeof Reply)[keyof typeof Reply];

const methodNames: Readonly<Record<number, string>> = {
  0x00: "none",
  0x01: "gssapi",
  0x02: "username/password",
  0xff: "no acceptable method",
};
const commandNames: Readonly<Record<number, string>> = {
  0x01: "connect",
  0x02: "bind",
  0x03: "udp-associate",
  0x05: "udp-in-tcp",
  0xf0: "resolve",
  0xf1: "resolve-ptr",
  0x100: "forward",
};
const replyTexts: readonly string[] = [
  "succeeded",
  "general SOCKS server failure",
  "connection not allowed by ruleset",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "TTL expired",
  "command not supported",
  "address type not supported",
];

export function methodName(method: Method): string {
  return methodNames[method] ?? `method 0x${(method as number).toString(16)}`;
}

export function commandName(command: Command): string {
  return commandNames[command] ?? `command 0x${(command as number).toString(16)}`;
}

/** The RFC's text for a reply code. Never throws, since a peer may send any octet. */
export function replyText(reply: number): string {
  return replyTexts[reply] ?? `unassigned reply 0x${reply.toString(16).padStart(2, "0")}`;
}

/** The code and the RFC's text, as logs and metrics show it: "05 connection refused". */
export function replyLabel(reply: number): string {
  return replyLabels[reply] ??= `${reply < 16 ? "0" : ""}${reply.toString(16)} ${replyText(reply)}`;
}

/** Labels made so far, of at most 256. */
const replyLabels: string[] = [];
