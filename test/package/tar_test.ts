import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const works = (command: string, ...args: readonly string[]) => spawnSync(command, args).status === 0;
const missing = process.platform !== "linux"
  ? "it is for Linux"
  : ["readelf", "tar", "gzip", "git"].find((tool) => !works(tool, "--version"));
const skip = skipped("tar_test.ts", missing ? missing.includes(" ") ? missing : `${missing} is not here` : false);

describe("the tarball", { skip }, () => {
  const folder = temporaryFolder("tar");
  const documents = join(folder, "documents");
  mkdirSync(documents);
  for (const name of ["gate46.1", "gate46.bash", "gate46.fish", "_gate46", "gate46.notices.txt"]) {
    writeFileSync(join(documents, name), name); // which deb_test.ts has the true ones of
  }
  let tree = "";
  const build = (executable: string) =>
    spawnSync("sh", [join(projectRoot, "scripts/package/tar/build.sh"), executable, folder, documents], {
      encoding: "utf8",
    });

  test("it is named after the machine of its executable, and two are the same octets", () => {
    const { status, stderr } = build("/bin/true");
    assert.equal(status, 0, stderr);
    const [name] = readdirSync(folder).filter((one) => one.endsWith(".tar.gz"));
    assert.match(name!, /^gate46-\d[\d.]*-linux-(x86_64|aarch64)\.tar\.gz$/);
    const first = readFileSync(join(folder, name!));
    build("/bin/true");
    assert.ok(first.equals(readFileSync(join(folder, name!))));
    assert.ok(works("tar", "-xzf", join(folder, name!), "-C", folder));
    tree = join(folder, name!.replace(".tar.gz", ""));
    assert.match(
      build(join(projectRoot, "README.md")).stderr,
      /^build\.sh: Cannot package .*neither x86-64 nor arm64$/m,
    );
  });

  const install = (root: string, ...args: readonly string[]) =>
    spawnSync("sh", [join(tree, "install.sh"), "--root", root, ...args], { encoding: "utf8" });
  const left = (root: string) =>
    (readdirSync(root, { recursive: true }) as string[]).filter((path) => statSync(join(root, path)).isFile()).sort();

  for (
    const [system, folders, service, command] of [
      ["systemd", ["etc/systemd/system"], "etc/systemd/system/gate46.service", "systemctl daemon-reload"],
      ["OpenRC", ["etc/init.d", "sbin"], "etc/init.d/gate46", "rc-update add gate46"],
      ["neither", [], undefined, undefined],
    ] as const
  ) {
    test(`it installs and goes without a trace, with ${system}`, () => {
      const root = join(folder, system);
      mkdirSync(root);
      for (const name of folders) mkdirSync(join(root, name), { recursive: true });
      if (system === "OpenRC") writeFileSync(join(root, "sbin/openrc-run"), "");
      const before = left(root);
      const { status, stdout, stderr } = install(root, "--prefix", "/opt/gate46");
      assert.equal(status, 0, stderr);
      assert.equal(stdout.startsWith(command ?? ""), true, stdout);
      assert.ok(statSync(join(root, "opt/gate46/bin/gate46")).mode & 0o100);
      if (service) {
        const text = readFileSync(join(root, service), "utf8");
        assert.match(text, /\/opt\/gate46\/bin\/gate46/);
        assert.doesNotMatch(text.replace(/^#.*$/gm, ""), /\/usr\/local\/bin/);
      }
      const config = join(root, "etc/gate46/gate46.toml");
      writeFileSync(config, "# mine\n");
      assert.equal(install(root, "--prefix", "/opt/gate46").status, 0, "an upgrade");
      assert.equal(readFileSync(config, "utf8"), "# mine\n");
      assert.equal(install(root, "--prefix", "/opt/gate46", "--uninstall").status, 0);
      assert.deepEqual(left(root).filter((path) => !before.includes(path)), ["etc/gate46/gate46.toml"]);
      assert.equal(install(root, "--prefix", "/opt/gate46").status, 0);
      assert.equal(install(root, "--prefix", "/opt/gate46", "--purge").status, 0);
      assert.deepEqual(left(root), before);
      assert.equal(existsSync(join(root, "etc/gate46")), false);
    });
  }

  test("it replaces a program that runs, and says when there is nothing to take away", () => {
    const root = join(folder, "running");
    mkdirSync(root);
    assert.match(install(root, "--uninstall").stderr, /^install\.sh: Cannot take gate46 away: .* is not there$/m);
    writeFileSync(join(tree, "gate46"), "#!/bin/sh\necho old\n");
    install(root);
    const path = join(root, "usr/local/bin/gate46"), { ino } = statSync(path);
    chmodSync(path, 0o755);
    install(root);
    assert.notEqual(statSync(path).ino, ino, "whoever runs has the former file yet");
  });
});
