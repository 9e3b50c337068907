/** Runs checks and test files, each in a process group of its own; scripts/test.sh fetches what they need before. */
import { existsSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import { checks, compiled, compilers } from "./checks.ts";
import { nameOf, plan, type Run, type Runtime } from "./plan.ts";
import { eachAtATime } from "./queue.ts";
import { Runner } from "./runner.ts";
import { nameWithSlow, SlowCases } from "./slow.ts";
import { summary } from "./report/summary.ts";
import { Times } from "./times.ts";
import { changedFiles, commitBefore, Reach } from "./touched.ts";
import { UsageError } from "./usage_error.ts";

interface Options {
  readonly runtime?: Runtime;
  readonly changed?: string | true;
  readonly all?: true;
  readonly minutes?: number;
  readonly jobs: number;
  readonly limit?: number;
  readonly saveTimes?: true;
}

const root = join(import.meta.dirname!, "../..");

/** In CI slow tests run that fit in so much, and those that a change of the last day touches. */
const CI_MINUTES = 10, CI_CHANGE_HOURS = 24;

const HELP = `
With paths, only their tests run, and nothing else is checked. Some tests say the same under either runtime and run once,
under Bun. Each file's output is in .tools/test. Slow tests run with --all, where a change touches them (--changed; in
CI, changes of the last day), and within --minutes.`;

const command = new Command("scripts/test.sh")
  .description("Runs every check and every test, or those below the paths you name.")
  .argument("[path...]", "files or folders below test/")
  .addOption(new Option("--runtime <name>", "only under this runtime").choices(["deno", "bun"]))
  .option("--changed [commit]", "only tests that changes since the commit (HEAD) touch")
  .option("--all", "slow tests too")
  .option(
    "--minutes <number>",
    "slow tests too, as many as end within this time",
    positive,
    process.env.CI ? CI_MINUTES : undefined,
  )
  .option("--jobs <number>", "files at a time", positive, availableParallelism() + 2)
  .option("--limit <seconds>", "how long a file may take (240, or 6 times what it took last)", positive)
  .option("--save-times", "note in scripts/test/times.json how long files took")
  .addHelpText("after", HELP)
  .showHelpAfterError("(--help tells the options)");

function positive(text: string): number {
  const value = Number(text);
  if (!(value >= 1)) throw new InvalidArgumentError("It has to be a number of at least 1.");
  return value;
}

command.parse();
try {
  process.exit(await main(command.args, command.opts<Options>()));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exit(2);
}

/** The exit code. */
async function main(paths: readonly string[], options: Options): Promise<number> {
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  const reach = new Reach(root), times = new Times(root);
  const isWhole = paths.length === 0;
  const changed = changes(options);
  const isTouched = ({ file }: Run) => changed !== undefined && reach.isTouched(file, changed);
  const runs = plan(root, isWhole ? ["test"] : paths, options.runtime ? [options.runtime] : ["deno", "bun"])
    .filter((run) => !options.changed || isTouched(run));
  const isWanted = (run: Run) => options.all === true || isTouched(run);
  const slow = new SlowCases({ root, reach, times, isWanted, minutes: options.minutes });
  const order = longestFirst(runs, slow, times);
  const startProgram = runs.some(({ file }) => reach.isTouched(file, ["test/support/program/program.ts"]));
  const making = startProgram ? compilers : [];
  const checking = isWhole ? checks : [];

  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
  const total = making.length + checking.length + order.length;
  const limitMs = options.limit && 1_000 * options.limit;
  const runner = new Runner(root, times, total, interrupt.signal, limitMs);
  if (startProgram) compiled(root).forEach((file) => rmSync(file, { force: true }));
  await eachAtATime(making, options.jobs, interrupt.signal, (check) => runner.check(check));
  const made = compiled(root).filter((file) => existsSync(file));
  const serve = (run: Run) => {
    const told = slow.told(run, elapsedMs());
    return runner.test(run, told, told === "1" && slow.isIn(run) ? nameWithSlow(run) : nameOf(run), made);
  };
  const work = [...checking.map((check) => () => runner.check(check)), ...order.map((run) => () => serve(run))];
  await eachAtATime(work, options.jobs, interrupt.signal, (begin) => begin());
  runner.close();
  if (isWhole && !options.changed && !interrupt.signal.aborted) {
    times.save(
      runs.flatMap((run) => slow.isIn(run) ? [nameOf(run), nameWithSlow(run)] : nameOf(run)),
      options.saveTimes === true,
    );
  }
  const undone = total - runner.told.length;
  for (const line of summary(runner.told, undone, elapsedMs())) console.log(line);
  const failed = runner.told.some(({ verdict }) => verdict.failed > 0);
  const passed = runner.told.some(({ verdict }) => verdict.passed > 0);
  return failed || undone > 0 || !passed ? 1 : 0;
}

/** What takes longest begins first, so that nothing long is left when all else has ended; what asks for the time left is last. */
function longestFirst(runs: readonly Run[], slow: SlowCases, times: Times): readonly Run[] {
  const keyed = runs.map((run) => {
    const last = slow.isLeisurely(run);
    return { run, last, seconds: times.seconds(slow.isIn(run) && !last ? nameWithSlow(run) : nameOf(run)) };
  });
  return keyed.sort((a, b) => Number(a.last) - Number(b.last) || b.seconds - a.seconds).map(({ run }) => run);
}

/** Files whose tests have to run; undefined where nobody asks for them. */
function changes({ changed }: Options): readonly string[] | undefined {
  if (changed !== undefined) return changedFiles(root, changed === true ? "HEAD" : changed);
  const base = process.env.CI ? commitBefore(root, CI_CHANGE_HOURS) : undefined;
  return base === undefined ? undefined : changedFiles(root, base);
}
