import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** This program did not exist before this time. */
const BUILT_AT = Date.UTC(2026, 0, 1);

/** Checks the clock: with a wrong clock, certificates of DNS servers are refused and times in logs are useless. */
export function checkClock({ now }: HostView): readonly Finding[] {
  const { ok, note } = findings("clock");
  const says = new Date(now).toISOString();
  return now < BUILT_AT
    ? [
      note(
        `it says ${says}, which is past`,
        "set the clock by NTP, or certificates of tls:// and https:// servers fail",
      ),
    ]
    : [ok(says)];
}
