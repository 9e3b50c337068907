import { clock, seconds } from "./progress.ts";
import type { Told } from "../runner.ts";

/** How many of the slowest are named. */
const NAMED = 5;

/** The last lines of a run: skips and failures once more, where they are found, what it cost, and the counts. */
export function summary(told: readonly Told[], undone: number, wallMs: number): readonly string[] {
  const verdicts = told.map(({ verdict }) => verdict);
  const total = (field: "passed" | "failed" | "skipped") => verdicts.reduce((sum, verdict) => sum + verdict[field], 0);
  const ran = told.map(({ name, ended }) => ({ name, ...ended }));
  const cpuMs = ran.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  const slowest = ran.sort((a, b) => b.wallMs - a.wallMs).slice(0, NAMED)
    .map(({ name, wallMs }) => `${name} ${seconds(wallMs)}`);
  return [
    ...new Set(verdicts.flatMap(({ skips }) => skips).sort()),
    ...told.filter(({ verdict }) => verdict.failed > 0)
      .map(({ name, verdict }) => `FAILED: ${name}\n${verdict.failure.replace(/^/gm, "    ")}`),
    `slowest: ${slowest.join(", ")}`,
    ...undone > 0 ? [`interrupted: ${undone} of ${told.length + undone} had not begun`] : [],
    `${clock(wallMs)} minutes, ${Math.round(cpuMs / 1_000)} s of CPU`,
    `${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped`,
  ];
}
