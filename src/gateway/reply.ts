import { NetError, type NetErrorKind } from "../net/error.ts";
import { Reply } from "../protocol/codes.ts";
import { ReplyError } from "../sockslib/chain/reply_error.ts";
import { ProtocolError } from "../protocol/protocol_error.ts";
import { Refusal } from "./rules/refusal.ts";

/** The one table from errors to reply codes (RFC 1928 s6). */
const replies: Readonly<Partial<Record<NetErrorKind, Reply>>> = {
  "network-unreachable": Reply.NetworkUnreachable,
  "host-unreachable": Reply.HostUnreachable,
  "no-such-name": Reply.HostUnreachable,
  "name-lookup-failed": Reply.HostUnreachable,
  "refused": Reply.ConnectionRefused,
  "timed-out": Reply.TtlExpired,
  "permission-denied": Reply.NotAllowed, // a local firewall or a `prohibit` route
  "family-not-supported": Reply.AddressTypeNotSupported,
};

/** Rank of each error: of several addresses tried, the error with the lowest rank becomes the reply. */
const specificity: readonly NetErrorKind[] = [
  "refused",
  "permission-denied",
  "host-unreachable",
  "timed-out",
  "network-unreachable",
  "family-not-supported",
];

/** Undefined for an unexpected error: a bug, answered with 01. */
export function replyFor(error: unknown): number | undefined {
  if (error instanceof ReplyError) return error.reply; // from an upstream, forwarded unchanged
  if (error instanceof NetError) return replies[error.kind] ?? Reply.GeneralFailure;
  if (error instanceof Refusal || error instanceof ProtocolError) return error.reply;
  return undefined;
}

/** The most telling error of several addresses that could not be reached. */
export function mostSpecific(errors: readonly unknown[]): unknown {
  const rank = (error: unknown) => {
    const at = error instanceof NetError ? specificity.indexOf(error.kind) : -1;
    return at < 0 ? specificity.length : at;
  };
  return errors.reduce((best, error) => rank(error) < rank(best) ? error : best);
}
