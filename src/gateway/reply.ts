import { NetError, type NetErrorKind } from "../net/error.ts";
import { Reply } from "../protocol/codes.ts";
import { ReplyError } from "../sockslib/chain/reply_error.ts";
import { ProtocolError } from "../protocol/protocol_error.ts";
import { Refusal } from "./rules/refusal.ts";

/** The one table from what went wrong to what the client is told (RFC 1928 s6). */
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

/** What each says about the destination: of several addresses tried, the lowest here is told. */
const specificity: readonly NetErrorKind[] = [
  "refused",
  "permission-denied",
  "host-unreachable",
  "timed-out",
  "network-unreachable",
  "family-not-supported",
];

/** Undefined where the error is none of those that are foreseen: our bug, which is told as 01. */
export function replyFor(error: unknown): number | undefined {
  if (error instanceof ReplyError) return error.reply; // of an upstream, passed on as it is
  if (error instanceof NetError) return replies[error.kind] ?? Reply.GeneralFailure;
  if (error instanceof Refusal || error instanceof ProtocolError) return error.reply;
  return undefined;
}

/** The error that says most about why none of several addresses could be reached. */
export function mostSpecific(errors: readonly unknown[]): unknown {
  const rank = (error: unknown) => {
    const at = error instanceof NetError ? specificity.indexOf(error.kind) : -1;
    return at < 0 ? specificity.length : at;
  };
  return errors.reduce((best, error) => rank(error) < rank(best) ? error : best);
}
