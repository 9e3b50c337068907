import type { SessionEnd, SessionRecord } from "../events.ts";
import { Reply } from "../protocol/codes.ts";

/** What a client did not get, by whose matter it is. */
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

/** How a session that has ended failed; undefined where it did not. */
export function failureKind({ end, reply }: Pick<SessionRecord, "end" | "reply">): FailureKind | undefined {
  if (end !== "refused") return ofEnds[end!];
  if (reply === Reply.NotAllowed) return "refused";
  return reply !== undefined && unreachable.has(reply) ? "unreachable" : "broken";
}
