import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** This program was not there before. */
const BUILT_AT = Date.UTC(2026, 0, 1);

/** A clock that is wrong has certificates of DNS servers refused, and logs that nobody can follow. */
export function checkClock({ now }: HostView): readonly Finding[] {
  const { ok, note } = findings("clock");
  const says = new Date(now).toISOString();
  return now < BUILT_AT
    ? [note(`it says ${says}, which is past`, "time by NTP, before tls:// and https:// are asked")]
    : [ok(says)];
}
