/** The `skip` of a test: false, or the reason, which is also printed for the end of the run. */
export function skipped(name: string, reason: string | false): string | false {
  if (reason) console.log(`skipped: ${name}: ${reason}`);
  return reason;
}
