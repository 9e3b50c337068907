import assert from "node:assert/strict";
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { NetError } from "../../../../src/net/error.ts";
import { openKernel } from "../../../../src/net/open.ts";
import { placeSocket } from "../../../../src/net/kernel/sockets/unix_file.ts";
import { skipped } from "../../../support/program/skipped.ts";
import { temporaryFolder } from "../../../support/program/temporary_folder.ts";

const skip = skipped("unix_file_test.ts", process.platform === "win32" && "Windows has no modes");
const libc = await openKernel();

test("placeSocket() rejects a symbolic link in place of the socket and keeps the target's mode", { skip }, async () => {
  const folder = temporaryFolder("swapped");
  const victim = join(folder, "victim"), shared = join(folder, "shared");
  writeFileSync(victim, "");
  chmodSync(victim, 0o640);
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  const path = join(shared, "socks.sock");
  const swap = (unplaced: string) => symlinkSync(victim, unplaced); // as another user does between bind(2) and chmod(2)
  await assert.rejects(placeSocket(path, { mode: 0o666 }, libc, swap), (error) => {
    assert.ok(error instanceof NetError);
    return /what was put there is no socket/.test(error.message);
  });
  assert.equal(statSync(victim).mode & 0o777, 0o640);
  assert.ok(!readdirSync(shared).includes("socks.sock"));
});

test(
  "placeSocket() creates the socket with its final mode",
  { skip: skip || (!libc && "without libc it may have it later") },
  async () => {
    const folder = temporaryFolder("mode");
    for (const mode of [0o600, 0o660, 0o666]) {
      const server = createServer();
      let first;
      const bind = (unplaced: string) => {
        server.listen(unplaced);
        first = lstatSync(unplaced).mode & 0o777;
      };
      const { remove } = await placeSocket(join(folder, "s.sock"), { mode }, libc, bind);
      assert.equal(first, mode);
      assert.equal(lstatSync(join(folder, "s.sock")).mode & 0o777, mode);
      remove();
      await new Promise((resolve) => server.close(resolve));
    }
  },
);
