import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Check } from "./checks.ts";
import { executableOf, testCommand } from "./commands.ts";
import { type Ended, runJob } from "./job.ts";
import { MARK } from "./leftovers.ts";
import { nameOf, type Run, type Runtime } from "./plan.ts";
import { Progress } from "./report/progress.ts";
import type { Times } from "./times.ts";
import { judgeCheck, judgeTests, type Verdict } from "./report/verdict.ts";

/** A check or a test file that has ended. */
export interface Told {
  readonly name: string;
  readonly verdict: Verdict;
  readonly ended: Ended;
}

/** A test file may take so long, and so many times what it took last: a machine may be busy. */
const LIMIT_MS = 240_000, LIMIT_TIMES = 6;

/** Runs checks and test files, and tells of each when it has ended. */
export class Runner {
  readonly told: Told[] = [];
  readonly #root: string;
  readonly #times: Times;
  readonly #limitMs: number | undefined;
  readonly #cut: AbortSignal;
  readonly #progress: Progress;
  readonly #executables = new Map<Runtime, string>();
  readonly #place = mkdtempSync(join(tmpdir(), "g46-"));
  #count = 0;

  /** `total` is how much there is to run; all of it is called off by `cut`. */
  constructor(root: string, times: Times, total: number, cut: AbortSignal, limitMs: number | undefined) {
    this.#root = root;
    this.#times = times;
    this.#limitMs = limitMs;
    this.#cut = cut;
    this.#progress = new Progress(total);
    chmodSync(this.#place, 0o755); // tests have other users look in
    mkdirSync(this.#logs, { recursive: true });
    writeFileSync(this.#results, "name\tpassed\tfailed\tskipped\twall s\tCPU s\n");
  }

  async check({ name, command }: Check): Promise<void> {
    const ended = await this.#run(name, command);
    this.#tell(name, judgeCheck(name, ended), ended);
  }

  /**
   * `slow` is what its slow cases are told, `timed` what Times knows it by, and `compiled` are the files that the
   * program was compiled to.
   */
  async test(run: Run, slow: string, timed: string, compiled: readonly string[]): Promise<void> {
    const name = nameOf(run);
    const report = join(this.#place, `report-${++this.#count}.xml`);
    const command = testCommand(this.#executable(run.runtime), run, report);
    const ended = await this.#run(name, command, { GATE46_BINS: compiled.join(" "), GATE46_SLOW: slow }, timed);
    const verdict = judgeTests(ended, report);
    if (verdict.failed === 0) this.#times.note(timed, ended.wallMs);
    this.#tell(name, verdict, ended);
  }

  close(): void {
    this.#progress.close();
    rmSync(this.#place, { recursive: true, force: true });
  }

  /** A line for each that has ended, for whoever wants to sort them. */
  get #results(): string {
    return join(this.#logs, process.env[MARK] ? "results_of_a_test.tsv" : "results.tsv");
  }

  get #logs(): string {
    return join(this.#root, ".tools/test");
  }

  #executable(runtime: Runtime): string {
    const known = this.#executables.get(runtime) ?? executableOf(runtime);
    this.#executables.set(runtime, known);
    return known;
  }

  /** `timed` is what Times knows it by. */
  #run(
    name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    timed = name,
  ): Promise<Ended> {
    this.#progress.begin(name);
    const log = join(this.#logs, `${name.replace(/[/ ]/g, "_")}.log`);
    const place = join(this.#place, String(++this.#count));
    const limitMs = this.#limitMs ?? Math.max(LIMIT_MS, LIMIT_TIMES * 1_000 * this.#times.seconds(timed));
    return runJob({ command, env, log, place, limitMs }, this.#cut);
  }

  #tell(name: string, verdict: Verdict, ended: Ended): void {
    this.told.push({ name, verdict, ended });
    const { passed, failed, skipped, failure } = verdict;
    const row = [name, passed, failed, skipped, ended.wallMs / 1_000, ended.cpuMs / 1_000];
    appendFileSync(this.#results, `${row.join("\t")}\n`);
    const outcome = failed > 0 ? "FAILED" : passed > 0 ? "ok" : "skipped";
    const counts = [`${passed} passed`];
    if (failed > 0) counts.push(`${failed} failed`);
    if (skipped > 0) counts.push(`${skipped} skipped`);
    this.#progress.end(name, outcome, ended.wallMs, counts.join(", "), failure);
  }
}
