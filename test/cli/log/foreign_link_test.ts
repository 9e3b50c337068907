import assert from "node:assert/strict";
import { chmodSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { refuseForeignLink } from "../../../src/cli/log/foreign_link.ts";
import { run, source } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const NOBODY = 65_534;
const skip = skipped(
  "foreign_link_test.ts",
  process.getuid?.() === 0 ? false : "only root can make another user's link",
);

test(
  "the log file does not follow another user's link in a shared folder, and follows other links",
  { skip },
  async () => {
    const folder = temporaryFolder("links"), shared = join(folder, "tmp");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    const ours = join(folder, "ours");
    writeFileSync(ours, "");
    const link = (name: string, uid: number, to = ours, where = shared) => {
      symlinkSync(to, join(where, name));
      lchownSync(join(where, name), uid, uid);
      return join(where, name);
    };
    const theirs = link("theirs.log", NOBODY);
    const behind = link("own.log", 0, theirs);
    const code = `${theirs} is a link of another user (${NOBODY}) in a folder for all`;
    for (const path of [theirs, behind]) assert.throws(() => refuseForeignLink(path), { code });
    assert.deepEqual(await run(source, ["--listen=127.0.0.1:0", "--admin=off", `--log-file=${theirs}`]), {
      code: 2,
      stdout: "",
      stderr: `gate46: Cannot write ${theirs}: ${code}; --log-file\n`,
    });
    for (const path of [link("good.log", 0), link("private.log", NOBODY, ours, folder), ours, join(shared, "new")]) {
      refuseForeignLink(path);
    }
  },
);
