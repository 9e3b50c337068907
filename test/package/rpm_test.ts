import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const works = (command: string, ...args: readonly string[]) => spawnSync(command, args).status === 0;
const missing = ["rpmbuild", "rpm", "dpkg-deb", "git"].find((tool) => !works(tool, "--version"));
const skip = missing !== undefined
  ? `${missing} is not here`
  : process.getuid?.() !== 0
  ? "it needs root"
  : !works("unshare", "--mount", "--pid", "--fork", "true") && "it needs namespaces";

test("an rpm has what the Debian package has: it installs, keeps an edited configuration, and goes", {
  skip: skipped("rpm_test.ts", skip),
  timeout: 120_000,
}, () => {
  const folder = temporaryFolder("rpm");
  /** The package that deb_test.ts builds, as far as an rpm has to do with it. */
  const packed = (version: string) => {
    const tree = join(folder, version);
    const files: Readonly<Record<string, string>> = {
      "DEBIAN/control": `Package: gate46
Version: ${version}-1
Architecture: amd64
Maintainer: gate46 <gate46@example.org>
Depends: adduser, libc6 (>= 2.17)
Description: a gateway
 The first line of what it is.
 .
 And the last.
`,
      "usr/bin/gate46": `#!/bin/sh\necho ${version}\n`,
      "etc/gate46/gate46.toml": `# of ${version}\n`,
      "usr/share/zsh/vendor-completions/_gate46": "",
      "usr/share/lintian/overrides/gate46": "",
      "usr/share/doc/gate46/changelog.gz": "",
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, name)), { recursive: true });
      writeFileSync(join(tree, name), text);
    }
    chmodSync(join(tree, "usr/bin/gate46"), 0o755);
    const deb = join(folder, `${version}.deb`);
    assert.ok(works("dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, deb));
    const built = spawnSync("sh", [join(projectRoot, "scripts/package/rpm/build.sh"), deb, folder], {
      encoding: "utf8",
    });
    assert.equal(built.status, 0, built.stderr);
    return join(folder, `gate46-${version}-1.x86_64.rpm`);
  };
  const [one, two] = [packed("1.0.0"), packed("2.0.0")];
  const listed = spawnSync("rpm", ["-qpl", one], { encoding: "utf8" }).stdout.trim().split("\n");
  assert.deepEqual(listed, ["/etc/gate46/gate46.toml", "/usr/bin/gate46", "/usr/share/zsh/site-functions/_gate46"]);
  const info =
    spawnSync("rpm", ["-qp", "--queryformat", "%{SUMMARY}|%{DESCRIPTION}", one], { encoding: "utf8" }).stdout;
  assert.equal(info, "a gateway|The first line of what it is.\n\nAnd the last.");
  mkdirSync(join(folder, "root"));
  const { stdout, stderr } = spawnSync("unshare", [
    ...["--mount", "--pid", "--fork", "--mount-proc", "sh", join(projectRoot, "test/package/rpm_lifecycle.sh")],
    ...[one, two, join(folder, "root")],
  ], { encoding: "utf8" });
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "installed: 1.0.0, user /nonexistent:/sbin/nologin",
    "upgraded: gate46-2.0.0-1.x86_64, # mine, user gate46",
    "taken away, left: ./etc/gate46/gate46.toml.rpmnew ./etc/gate46/gate46.toml.rpmsave; user: none",
  ], stderr);
});
