/** What a run of tests came to, in cases. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts of a JUnit report as both runtimes write it; undefined where `xml` is none, or tells of no case. */
export function readReport(xml: string): Counts | undefined {
  const suites = /<testsuites [^>]*>/.exec(xml)?.[0];
  if (!suites) return undefined;
  const total = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suites)?.[1] ?? 0);
  const failed = total("failures") + total("errors");
  const skipped = xml.match(/<skipped/g)?.length ?? 0;
  const passed = total("tests") - failed - skipped;
  return passed + failed + skipped > 0 ? { passed, failed, skipped } : undefined;
}

/** Cases that the output of an unfinished run tells of. */
export function readProgress(output: string): Counts {
  const count = (pattern: RegExp) => output.match(pattern)?.length ?? 0;
  return {
    passed: count(/^\(pass\)|\.\.\. ok \(/gm),
    failed: count(/^\(fail\)|\.\.\. FAILED \(/gm),
    skipped: count(/^\(skip\)|\.\.\. ignored \(/gm),
  };
}

/** How much of a failure is shown, in characters. */
const SHOWN = 6_000;

/** What the output tells of failures: Deno has all of it at its end, Bun before the name of each test. Else its last lines. */
export function readFailures(output: string): string {
  const [told] = output.split(/^\d+ tests failed:$/m) as [string]; // behind which Bun names them once more
  const lines = told.split("\n").filter((line) => !line.startsWith("(pass)"));
  const errors = lines.findIndex((line) => line.startsWith(" ERRORS"));
  if (errors >= 0) return lines.slice(errors + 1).join("\n").trim().slice(0, SHOWN);
  const failed = lines.flatMap((line, at) => /^\(fail\)/.test(line) ? [at] : []);
  const shown = failed.length > 0
    ? failed.map((at) => lines.slice(Math.max(0, at - 25), at + 1).join("\n"))
    : [lines.slice(-25).join("\n")];
  return shown.join("\n").trim().slice(0, SHOWN);
}

/** The lines by which tests say why they are skipped. */
export function readSkips(output: string): readonly string[] {
  return output.match(/\bskipped: .*/g) ?? [];
}
