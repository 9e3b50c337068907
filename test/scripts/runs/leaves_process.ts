import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

test("it starts a process in a session of its own and a file, and forgets them", () => {
  spawn("sleep", ["986"], { detached: true, stdio: "ignore" }).unref();
  writeFileSync(join(mkdtempSync(join(tmpdir(), "gate46-forgotten-")), "file"), "");
});
