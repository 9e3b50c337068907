import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { LogFile } from "../../../src/cli/log/file.ts";
import { LogOutput } from "../../../src/cli/log/output.ts";
import { skipped } from "../../support/skipped.ts";
import { TestClock } from "../../support/test_clock.ts";

const folder = mkdtempSync(join(tmpdir(), "gate46-log-"));
after(() => {
  spawnSync("umount", ["-l", join(folder, "disk")], { stdio: "ignore" });
  rmSync(folder, { recursive: true });
});

function output(to: { fd: number }) {
  const clock = new TestClock();
  const out = new LogOutput(clock, to, (lost, why) => `${lost} lost: ${why}\n`);
  return { clock, out };
}

describe("A log file", () => {
  test("is for its owner, who writes, and its group", { skip: process.platform === "win32" }, () => {
    const path = join(folder, "mode");
    closeSync(new LogFile(path).fd);
    assert.equal(statSync(path).mode & 0o777, 0o640 & ~process.umask());
  });

  test("is appended to, and begun anew where it was moved away or removed", async () => {
    const path = join(folder, "rotated");
    writeFileSync(path, "before\n");
    const { clock, out } = output(new LogFile(path));
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

  test("that cannot be begun anew goes on where it was", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    const path = join(inner, "log");
    const file = new LogFile(path);
    const { clock, out } = output(file);
    assert.ok(file.fd > 0);
    renameSync(inner, `${inner}.1`);
    out.add("one\n");
    await clock.advance(50);
    assert.equal(readFileSync(join(`${inner}.1`, "log"), "utf8"), "one\n");
  });

  test("that cannot be is told, and is begun once it can", async () => {
    const path = join(folder, "none", "log");
    const file = new LogFile(path);
    assert.throws(() => file.fd, { name: "ConfigError", message: `Cannot write ${path}: ENOENT` });
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

const full = skipped("a full disk", !existsSync("/dev/full") && "no /dev/full");
test("What a full disk does not take is lost, counted, and told when there is room", { skip: full }, async () => {
  const path = join(folder, "full");
  const to = { fd: openSync("/dev/full", "a") };
  const { clock, out } = output(to);
  for (let i = 0; i < 3; i++) {
    out.add("one\ntwo\n");
    await clock.advance(50);
  }
  assert.equal(clock.pending, 0, "nothing is tried in vain");
  to.fd = openSync(path, "a");
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
test("A disk that becomes full tears one line at most", { skip }, async () => {
  const path = join(disk, "log"), ballast = join(disk, "ballast");
  writeFileSync(ballast, new Uint8Array(8_000));
  const { clock, out } = output(new LogFile(path));
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
  assert.ok(count >= 370 - whole && count <= 370 - whole + 37, `${lost}, of ${370 - whole}`);
});
