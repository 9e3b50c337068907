import { existsSync, readFileSync } from "node:fs";
import type { Ended } from "../job.ts";
import { type Counts, readFailures, readProgress, readReport, readSkips } from "./junit.ts";

/** What a run has come to. */
export interface Verdict extends Counts {
  /** What a person has to know of its failure; empty where there is none. */
  readonly failure: string;
  /** Why cases were skipped. */
  readonly skips: readonly string[];
}

/** A check fails or passes as a whole; 3 means that it needs a download which cannot be had. */
export function judgeCheck(name: string, { code, problem, output }: Ended): Verdict {
  const last = output.trim().split("\n").at(-1) ?? "";
  if (!problem && code === 0) return { passed: 1, failed: 0, skipped: 0, failure: "", skips: [] };
  if (!problem && code === 3) {
    return { passed: 0, failed: 0, skipped: 1, failure: "", skips: [`skipped: ${name}: ${last}`] };
  }
  const failure = [problem ?? `it exited with ${code}`, output.trim().slice(-6_000)].join("\n");
  return { passed: 0, failed: 1, skipped: 0, failure, skips: [] };
}

/**
 * The report and the exit code are believed only together: a runtime that dies on the way has exited with 0 before, and
 * writes no report. Whatever else is wrong with a file is one failure more.
 */
export function judgeTests({ code, problem, output }: Ended, report: string): Verdict {
  const counts = existsSync(report) ? readReport(readFileSync(report, "utf8")) : undefined;
  const skips = readSkips(output);
  const wrong = problem ?? (counts ? undefined : "it passed no test, or left no report") ??
    (code !== 0 && counts!.failed === 0 ? `it exited with ${code}` : undefined);
  const { passed, failed, skipped } = counts ?? readProgress(output);
  if (!wrong && failed === 0) return { passed, failed, skipped, failure: "", skips };
  const failure = [...wrong ? [wrong] : [], readFailures(output)].join("\n");
  return { passed, failed: failed + (wrong ? 1 : 0), skipped, failure, skips };
}
