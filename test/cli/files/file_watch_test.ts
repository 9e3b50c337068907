import assert from "node:assert/strict";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { watchFiles } from "../../../src/cli/files/file_watch.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { TestClock } from "../../support/memory/test_clock.ts";
import { until } from "../../support/program/until.ts";

const LOOK_MS = 1_000;

/** A file that is watched by a clock that stands. */
function watched() {
  const path = join(temporaryFolder("watch"), "file"), clock = new TestClock();
  writeFileSync(path, "first");
  const paths = [path];
  let changes = 0;
  const unwatch = watchFiles(() => paths, () => changes++, clock);
  const looked = () => until("it has looked", () => clock.pending > 0);
  const looks = async (count: number) => {
    await looked();
    for (let i = 0; i < count; i++) {
      await clock.advance(LOOK_MS);
      await looked();
    }
    return changes;
  };
  return { path, paths, clock, looks, unwatch };
}

test("A change is reported once, when the file is the same in two successive polls", async () => {
  const { path, looks, unwatch, clock } = watched();
  assert.equal(await looks(3), 0);
  writeFileSync(path, "another");
  assert.equal(await looks(1), 0);
  assert.equal(await looks(1), 1);
  assert.equal(await looks(3), 1);
  unwatch();
  assert.equal(clock.pending, 0);
});

test("A file written in steps is reported when it is complete", async () => {
  const { path, looks, unwatch } = watched();
  await looks(0);
  for (const step of ["", "fir", "first, and m", "first, and more"]) {
    writeFileSync(path, step);
    assert.equal(await looks(1), 0, step);
  }
  assert.equal(await looks(1), 1);
  unwatch();
});

test("A file that disappears, appears, or links to itself is reported as a change", async () => {
  const { path, looks, unwatch } = watched();
  await looks(0);
  rmSync(path);
  assert.equal(await looks(2), 1);
  symlinkSync(path, path);
  assert.equal(await looks(2), 2);
  rmSync(path);
  writeFileSync(path, "again");
  assert.equal(await looks(2), 3);
  unwatch();
});

test("A newly watched file is not reported as changed", async () => {
  const { path, paths, looks, unwatch } = watched();
  const other = `${path}.other`;
  writeFileSync(other, "one");
  paths.push(other);
  assert.equal(await looks(3), 0);
  writeFileSync(other, "another");
  assert.equal(await looks(2), 1);
  unwatch();
});
