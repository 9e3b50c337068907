import type { Config } from "../../config/config.ts";
import type { SessionRecord } from "../../events.ts";
import { Reply } from "../../protocol/codes.ts";

/** True for the health check of a gateway before this one, or of a balancer: no client was served, and none gave up. */
export function isProbe({ method, command, end }: SessionRecord): boolean {
  return method !== undefined && command === undefined && end === "client-left";
}

/** True if `--log-sessions` includes a session that was not a probe; sampling may still leave it out. */
export function isIncluded({ reply }: SessionRecord, which: Config["logSessions"]): boolean {
  return which !== "off" && !(which === "failed" && reply === Reply.Succeeded);
}
