import { NetError, type NetErrorKind } from "../net/error.ts";
import { Reply } from "../protocol/codes.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { Refusal } from "./refusal.ts";

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

/** Undefined where the error is none of the three that are foreseen: our bug, which is told as 01. */
export function replyFor(error: unknown): Reply | undefined {
  if (error instanceof NetError) return replies[error.kind] ?? Reply.GeneralFailure;
  if (error instanceof Refusal || error instanceof ProtocolError) return error.reply;
  return undefined;
}
