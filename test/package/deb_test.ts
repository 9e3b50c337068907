import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { allExecutables } from "../support/program/program.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped, slow } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

function works(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

const missing = process.platform !== "linux" || allExecutables.length === 0
  ? "it needs Linux and the executables"
  : ["dpkg-deb", "readelf", "git"].find((tool) => !works(tool, "--version"));

for (const [i, { name, command }] of missing ? [] : allExecutables.entries()) {
  // Packages differ by their executable alone.
  const skipSecond = i > 0 && slow(`deb_test.ts, the Debian package of ${name}`);
  describe(`the Debian package of ${name}`, { skip: skipSecond }, () => {
    let folder: string, deb: string;
    before(() => {
      folder = temporaryFolder("deb");
      mkdirSync(join(folder, "root"));
      // Compressing takes a minute, and is dpkg's own affair.
      const built = spawnSync("sh", [
        join(projectRoot, "scripts/package/deb/build.sh"),
        command[0]!,
        folder,
        "-Zgzip",
        "-z1",
      ], {
        encoding: "utf8",
      });
      assert.equal(built.status, 0, built.stderr);
      deb = join(folder, readdirSync(folder).find((name) => name.endsWith(".deb"))!);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const noLintian = !works("lintian", "--version") && "lintian is not here";
    test(
      "lintian finds no error and no warning",
      { skip: skipped(`deb_test.ts, lintian of ${name}`, noLintian), timeout: 600_000 },
      () => {
        const { status, stdout } = spawnSync("lintian", ["--allow-root", "--fail-on", "error,warning", deb], {
          encoding: "utf8",
        });
        assert.equal(stdout, "");
        assert.equal(status, 0);
      },
    );

    const noRoot = process.getuid?.() !== 0
      ? "it needs root"
      : !works("unshare", "--mount", "--net", "--pid", "--fork", "true")
      ? "it needs namespaces"
      : !works("ip", "-V") && "iproute2 is not here";
    test("it installs, serves, is upgraded with the edited configuration kept, and leaves nothing", {
      skip: skipped(`deb_test.ts, installation of ${name}`, noRoot),
      timeout: 600_000,
    }, () => {
      const { stdout, stderr, status } = spawnSync("unshare", [
        ...["--mount", "--net", "--pid", "--fork", "--mount-proc"],
        ...["sh", join(projectRoot, "test/package/deb_lifecycle.sh"), deb, join(folder, "root")],
      ], { encoding: "utf8" });
      assert.equal(stderr, "gate46: configuration: /etc/gate46/gate46.toml\n");
      assert.deepEqual(stdout.trimEnd().split("\n"), [
        "/etc/gate46/gate46.toml is valid",
        "enabled, with the user /nonexistent:/usr/sbin/nologin",
        "man: 1",
        "ready, 0 sessions",
        "served as gate46, reloaded and stopped: info drained cut=0",
        'upgraded to 99.0.0-1, log_level = "debug"',
        "removed, and gate46.toml stays",
        "purged, left: nothing; user: none",
      ]);
      assert.equal(status, 0);
    });

    const upgrade = "under systemd an upgrade keeps the sessions, and purging it leaves nothing";
    const noSystemd = noRoot || !existsSync("/lib/systemd/systemd") && "systemd is not here" ||
      i > 0 && "it differs by its executable alone";
    test(upgrade, {
      skip: skipped(`deb_test.ts, systemd with ${name}`, noSystemd || slow(`deb_test.ts, ${upgrade}`)),
      timeout: 600_000,
    }, () => {
      const root = join(folder, "systemd");
      mkdirSync(root);
      spawnSync("unshare", [
        ...["--mount", "--net", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc", "--uts"],
        ...["sh", join(projectRoot, "test/package/deb_systemd.sh"), deb, root],
      ], { timeout: 300_000, killSignal: "SIGKILL" });
      assert.deepEqual(readFileSync(`${root}.seen`, "utf8").trimEnd().split("\n"), [
        "the upgrade has another main process, and the service is active",
        "the former one lives while it has a session",
        "the session goes on: before after ",
        "it ends with it; the service is active, restarts: 0",
        "new",
        "a reload is one, where nothing was upgraded",
        "purged, left: nothing; inactive",
      ]);
    });
  });
}

if (missing) {
  test(
    "Debian packages",
    { skip: skipped("deb_test.ts", missing.includes(" ") ? missing : `${missing} is not here`) },
    () => {},
  );
}

test("a package is for the architecture of its executable", {
  skip: skipped("deb_test.ts, architectures", !works("readelf", "--version") && "readelf is not here"),
}, () => {
  const { status, stderr } = spawnSync("sh", [join(projectRoot, "scripts/package/deb/build.sh"), process.argv[1]!], {
    encoding: "utf8",
  });
  assert.match(stderr, /^build\.sh: Cannot package .*: it is for neither amd64 nor arm64$/m);
  assert.equal(status, 1);
});
