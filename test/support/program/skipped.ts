import process from "node:process";

/** The `skip` of a test: false, or the reason, which is also printed for the end of the run. */
export function skipped(name: string, reason: string | false): string | false {
  if (reason) console.log(`skipped: ${name}: ${reason}`);
  return reason;
}

/** Why tests that take long do not run now; false where all of them are wanted, as the runner says (scripts/test/slow.ts). */
export const tooSlow: string | false = process.env.GATE46_SLOW !== "1" &&
  (process.env.GATE46_SLOW || "it is slow; sh scripts/test.sh --all runs it");

/** The `skip` of a test that takes longer than people wait for. */
export function slow(name: string): string | false {
  return skipped(name, tooSlow);
}
