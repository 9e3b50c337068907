import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { LogFile } from "../../../src/cli/log/log_file.ts";
import { ofLibc, ofRuntime } from "../../../src/cli/log/descriptors.ts";
import { LogOutput, type Outlet } from "../../../src/cli/log/output.ts";
import { sharedOutlet } from "../../../src/cli/log/stderr.ts";
import { openKernel } from "../../../src/net/open.ts";
import type { Libc } from "../../../src/net/kernel/libc/libc.ts";
import { skipped } from "../../support/program/skipped.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

const folder = mkdtempSync(join(tmpdir(), "gate46-log-"));
after(() => {
  spawnSync("umount", ["-l", join(folder, "disk")], { stdio: "ignore" });
  rmSync(folder, { recursive: true });
});

function output(to: Outlet) {
  const clock = new TestClock();
  const out = new LogOutput(clock, to, (lost, why) => `${lost} lost: ${why}\n`);
  return { clock, out };
}

const libc = await openKernel();
const descriptors = libc ? ofLibc(libc) : ofRuntime;

describe("A log file", () => {
  test("is writable by its owner and readable by its group", { skip: process.platform === "win32" }, () => {
    const path = join(folder, "mode");
    new LogFile(path, descriptors).open();
    assert.equal(statSync(path).mode & 0o777, 0o640 & ~process.umask());
  });

  test("is appended to, and created anew after it was moved or removed", async () => {
    const path = join(folder, "rotated");
    writeFileSync(path, "before\n");
    const { clock, out } = output(new LogFile(path, descriptors));
    out.add("one\n");
    await clock.advance(50);
    renameSync(path, `${path}.1`);
    out.add("two\n");
    await clock.advance(50);
    assert.equal(readFileSync(`${path}.1`, "utf8"), "before\none\n");
    assert.equal(readFileSync(path, "utf8"), "two\n");
    rmSync(path);
    out.add("three\n");
    await clock.advance(50);
    assert.equal(readFileSync(path, "utf8"), "three\n");
  });

  test("that cannot be created anew continues in the moved file", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    const path = join(inner, "log");
    const file = new LogFile(path, descriptors);
    const { clock, out } = output(file);
    file.open();
    renameSync(inner, `${inner}.1`);
    out.add("one\n");
    await clock.advance(50);
    assert.equal(readFileSync(join(`${inner}.1`, "log"), "utf8"), "one\n");
  });

  test("that cannot be created is reported, and created as soon as possible", async () => {
    const path = join(folder, "none", "log");
    const file = new LogFile(path, descriptors);
    assert.throws(() => file.open(), {
      name: "ConfigError",
      message: `Cannot write ${path}: it is not there (ENOENT)`,
    });
    const { clock, out } = output(file);
    out.add("one\n");
    await clock.advance(50);
    assert.equal(out.lostInAll, 1);
    mkdirSync(join(folder, "none"));
    out.add("two\n");
    await clock.advance(50);
    assert.match(readFileSync(path, "utf8"), /^\n?two\n/);
  });
});

const noLibc = skipped("a pipe that nobody reads", !libc && "no libc");
for (
  const [what, kernel] of [
    ["a pipe", libc],
    ["another user's pipe, which cannot be reopened", libc && { ...libc, open: () => -1 }],
  ] as const
) {
  test(
    `Output to ${what} without a reader is buffered, dropped beyond the bound, and the loss is reported later`,
    { skip: noLibc },
    async () => {
      const { readEnd, writeEnd, read } = pipe(libc!);
      const { clock, out } = output(sharedOutlet(kernel, writeEnd));
      const line = `${"x".repeat(999)}\n`;
      for (let i = 0; i < 2_000; i++) out.add(line);
      assert.ok(out.lostInAll > 0, "the bound is 1 MiB");
      await clock.advance(500);
      const kept = 2_000 - out.lostInAll;
      out.add("last\n");
      let text = "";
      while (!text.includes("lost: they were not read\n")) {
        text += read();
        await clock.advance(50);
      }
      const lines = text.split("\n").slice(0, -1);
      assert.equal(lines.filter((one) => /^x{999}$/.test(one)).length, kept);
      assert.equal(lines.at(-1), `${out.lostInAll} lost: they were not read`);
      for (const fd of [readEnd, writeEnd]) libc!.close(fd);
    },
  );
}

/** Such as a parent has made: it waits for room. */
function pipe(libc: Libc) {
  const ends = new Int32Array(2), bytes = new Uint8Array(64 << 10);
  assert.equal(libc.pipe2(ends, 0), 0);
  const [readEnd, writeEnd] = ends as unknown as [number, number];
  const read = () => new TextDecoder().decode(bytes.subarray(0, libc.read(readEnd, bytes, bytes.length)));
  return { readEnd, writeEnd, read };
}

const full = skipped("a full disk", !existsSync("/dev/full") && "no /dev/full");
test("Lines for a full disk are dropped, counted, and reported when there is space", { skip: full }, async () => {
  const path = join(folder, "full");
  let fd = openSync("/dev/full", "a");
  const { clock, out } = output({ write: (bytes) => writeSync(fd, bytes) });
  for (let i = 0; i < 3; i++) {
    out.add("one\ntwo\n");
    await clock.advance(50);
  }
  assert.equal(clock.pending, 0, "nothing is tried in vain");
  fd = openSync(path, "a");
  out.add("three\n");
  out.add("four\n");
  await clock.advance(50);
  assert.equal(readFileSync(path, "utf8"), "\nthree\nfour\n6 lost: ENOSPC\n");
  assert.equal(out.lostInAll, 6);
  out.add("five\n");
  await clock.advance(50);
  assert.match(readFileSync(path, "utf8"), /ENOSPC\nfive\n$/);
});

const disk = join(folder, "disk");
mkdirSync(disk);
const mounted = process.platform === "linux" &&
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], { stdio: "ignore" }).status === 0;
const skip = skipped("a disk that becomes full", !mounted && "no tmpfs can be mounted");
test("A disk that becomes full truncates one line at most", { skip }, async () => {
  const path = join(disk, "log"), ballast = join(disk, "ballast");
  writeFileSync(ballast, new Uint8Array(8_000));
  const { clock, out } = output(new LogFile(path, descriptors));
  const line = `${"x".repeat(99)}\n`;
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 37; j++) out.add(line);
    await clock.advance(50);
  }
  rmSync(ballast);
  out.add("room\n");
  await clock.advance(50);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n").filter(Boolean);
  const whole = lines.filter((one) => /^x{99}$/.test(one)).length;
  const torn = lines.filter((one) => /^x{1,98}$/.test(one)).length;
  assert.ok(whole > 0 && whole < 370 && torn <= 1, `${whole} whole, ${torn} torn`);
  const [room, lost, ...more] = lines.slice(whole + torn);
  assert.deepEqual([room, more], ["room", []]);
  const count = Number(/^(\d+) lost: ENOSPC$/.exec(lost!)?.[1]);
  assert.equal(whole + count, 370, `${lost}, and ${whole} kept`);
});
