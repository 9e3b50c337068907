import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { checks } from "../../scripts/test/checks.ts";
import { nameOf, plan } from "../../scripts/test/plan.ts";
import { eachAtATime } from "../../scripts/test/queue.ts";
import { Reach } from "../../scripts/test/touched.ts";
import { whyNot } from "../support/network/namespaces.ts";
import { kill } from "../support/program/kill.ts";
import { projectRoot, scriptCommand } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { until } from "../support/program/until.ts";

/** Runs the runner over files of runs/, and tells all it has said and its exit code. */
function runner(files: readonly string[], ...flags: string[]) {
  const [file, ...args] = scriptCommand("scripts/test/main.ts");
  const child = spawn(file!, [
    ...args,
    ...flags,
    "--runtime=bun",
    ...files.map((name) => `test/scripts/runs/${name}.ts`),
  ], {
    cwd: projectRoot,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => output += text);
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, ended, output: () => output };
}

/** The lines that tell of a file's end. */
function lines(output: string): readonly string[] {
  return output.split("\n").filter((line) => /^ *\d+\/\d+ /.test(line)).map((line) =>
    line.replace(/^ *\d+\/\d+ +(\w+) +[\d.]+ s +bun test\/scripts\/runs\//, "$1 ")
  ).sort();
}

describe("the test runner", () => {
  test("prints each file, each skip and each failure, and ends with the counts", async () => {
    const { ended, output } = runner(["good", "fails"]);
    equal(await ended, 1);
    deepEqual(lines(output()), [
      "FAILED fails.ts: 1 passed, 1 failed",
      "ok good.ts: 1 passed, 1 skipped",
    ]);
    match(output(), /^skipped: good\.ts: it is not for here$/m);
    match(output(), /^FAILED: bun test\/scripts\/runs\/fails\.ts$[^]*six[^]*it says seven/m);
    match(output(), /^2 passed, 1 failed, 1 skipped\n$/m);
  });

  test("a test file that never ends causes one failed line, and does not affect other files", async () => {
    const { ended, output } = runner(["never_ends", "good"], "--limit=3");
    equal(await ended, 1);
    deepEqual(lines(output()), [
      "FAILED never_ends.ts: 1 passed, 1 failed",
      "ok good.ts: 1 passed, 1 skipped",
    ]);
    match(output(), /it did not end within 3 s/);
  });

  test("a test file whose process exits early causes one failed line, with any exit code", async () => {
    const { ended, output } = runner(["kills_itself", "exits_with_0", "good"]);
    equal(await ended, 1);
    deepEqual(lines(output()), [
      "FAILED exits_with_0.ts: 0 passed, 1 failed",
      "FAILED kills_itself.ts: 1 passed, 1 failed",
      "ok good.ts: 1 passed, 1 skipped",
    ]);
  });

  const noProc = process.platform !== "linux" && "it needs /proc";
  test("a test file that leaves a process causes one failed line, and the process and its folder are removed", {
    skip: skipped("test_runner_test.ts, processes", noProc),
  }, async () => {
    const { ended, output } = runner(["leaves_process"]);
    equal(await ended, 1);
    deepEqual(lines(output()), ["FAILED leaves_process.ts: 1 passed, 1 failed"]);
    match(output(), /it left behind: sleep 986/);
    ok(!readdirSync(tmpdir()).some((name) => name.startsWith("gate46-forgotten-")));
  });

  test("a test file that leaves a network namespace causes one failed line, and the namespace is removed", {
    skip: skipped("test_runner_test.ts, namespaces", whyNot()),
  }, async () => {
    const { ended, output } = runner(["leaves_namespace"]);
    equal(await ended, 1);
    deepEqual(lines(output()), ["FAILED leaves_namespace.ts: 1 passed, 1 failed"]);
    const name = /it left behind: namespace (g46-\d+-forgotten)/.exec(output())?.[1];
    ok(name !== undefined && !existsSync(join("/run/netns", name)));
  });

  test("an interrupted run prints its results so far, and ends its processes", async () => {
    const { child, ended, output } = runner(["good", "never_ends", "fails"], "--jobs=1");
    const log = join(projectRoot, ".tools/test/bun_test_scripts_runs_never_ends.ts.log");
    rmSync(log, { force: true });
    await until("the second is under way", () => existsSync(log) && /^\(pass\)/m.test(readFileSync(log, "utf8")));
    kill(child.pid!, "SIGTERM"); // child.kill() makes Deno forget the exit code
    equal(await ended, 1);
    deepEqual(lines(output()), [
      "FAILED never_ends.ts: 1 passed, 1 failed",
      "ok good.ts: 1 passed, 1 skipped",
    ]);
    match(output(), /it was interrupted/);
    match(output(), /^interrupted: 1 of 3 had not begun$/m);
  });

  test("wrong arguments are reported, and no test runs", async () => {
    const { ended, output } = runner(["nowhere"]);
    equal(await ended, 2);
    match(output(), /Cannot run test\/scripts\/runs\/nowhere\.ts: it is not there/);
  });
});

test("no check installs packages, because other checks read them meanwhile", () => {
  for (const { name, command: [program, what, ...flags] } of checks) {
    const installs = program === "deno" && what !== "fmt";
    ok(!installs || flags.some((flag) => ["--node-modules-dir=manual", "--no-config"].includes(flag)), name);
  }
});

describe("the choice of tests", () => {
  const names = (path: string) => plan(projectRoot, [path], ["deno", "bun"]).map(nameOf);

  test("code tests run under both runtimes, package and script tests run once", () => {
    deepEqual(names("test/turns/fair_queue_test.ts"), [
      "deno test/turns/fair_queue_test.ts",
      "bun test/turns/fair_queue_test.ts",
    ]);
    ok(names("test/package").every((name) => name.startsWith("bun ")));
  });

  test("a changed file selects the tests that import it, directly or indirectly, or name it", () => {
    const reach = new Reach(projectRoot);
    const isTouched = (test: string, file: string) => reach.isTouched(test, [file]);
    ok(isTouched("test/turns/fair_queue_test.ts", "src/net/cut.ts"));
    ok(isTouched("test/gateway/users/users_test.ts", "src/protocol/negotiation.ts"));
    ok(!isTouched("test/protocol/address_test.ts", "src/turns/fair_queue.ts"));
    ok(isTouched("test/e2e/operate/program_test.ts", "src/turns/fair_queue.ts"), "it starts the program");
    ok(!isTouched("test/protocol/address_test.ts", "README.md"));
    ok(isTouched("test/docs/names_test.ts", "docs/reference/rules.md"));
    ok(isTouched("test/docs/style_test.ts", "SECURITY.md"));
  });

  test("tests start in order up to the concurrency limit, and none starts after a stop request", async () => {
    const cut = new AbortController();
    const begun: number[] = [];
    let underWay = 0, most = 0;
    await eachAtATime([1, 2, 3, 4, 5], 2, cut.signal, async (item) => {
      begun.push(item);
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      if (item === 3) cut.abort();
    });
    deepEqual([most, begun], [2, [1, 2, 3, 4]]);
  });
});
