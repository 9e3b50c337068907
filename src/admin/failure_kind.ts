import type { SessionEnd, SessionRecord } from "../events.ts";
import { Reply } from "../protocol/codes.ts";

/** Kinds of failures, by their cause. */
export const failureKinds = ["refused", "password", "unreachable", "broken", "turned-away"] as const;

export type FailureKind = typeof failureKinds[number];

const ofEnds: Partial<Record<SessionEnd, FailureKind>> = {
  "authentication-failed": "password",
  "no-acceptable-method": "password",
  "protocol-error": "broken",
  "handshake-timeout": "broken",
  fault: "broken",
  error: "broken",
};

const unreachable: ReadonlySet<number> = new Set([
  Reply.NetworkUnreachable,
  Reply.HostUnreachable,
  Reply.ConnectionRefused,
  Reply.TtlExpired,
  Reply.AddressTypeNotSupported,
]);

/** The kind of failure of an ended session; undefined if it did not fail. */
export function failureKind({ end, reply }: Pick<SessionRecord, "end" | "reply">): FailureKind | undefined {
  if (end !== "refused") return ofEnds[end!];
  if (reply === Reply.NotAllowed) return "refused";
  return reply !== undefined && unreachable.has(reply) ? "unreachable" : "broken";
}
