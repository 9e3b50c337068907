import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import type { Bom } from "../../scripts/package/sbom.ts";
import { allExecutables } from "../support/program/program.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped, slow } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const missing = ["npm", "git", "dpkg-deb"].find((tool) => spawnSync(tool, ["--version"]).status !== 0);
const made = allExecutables.length > 0 && process.platform === "linux";
const skip = skipped(
  "release_test.ts",
  missing ? `${missing} is not here` : made ? false : "it needs Linux and the executables, which need runtimes to make",
);
const folder = temporaryFolder("release");
const toolchain = join(projectRoot, "scripts/toolchain/node_modules/.bin");

function release(root: string, out: string) {
  return spawnSync("sh", [join(root, "scripts/release.sh"), "--dry-run", join(folder, out)], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${process.env.PATH}:${toolchain}` },
  });
}

describe("a dry run of the release", { skip }, () => {
  after(() => rmSync(folder, { recursive: true }));
  const read = (name: string) => readFileSync(join(folder, "one", name), "utf8");

  test("it makes the executables, packages, documents and what says what they are", { timeout: 900_000 }, () => {
    const { status, stderr } = release(projectRoot, "one");
    assert.equal(status, 0, stderr);
    const files = readdirSync(join(folder, "one"));
    for (
      const kind of [
        /^gate46-bun-linux-\w+$/,
        /\.deb$/,
        /^gate46\.1$/,
        /^_gate46$/,
        /preload\.mjs$/,
        /\.cdx\.json$/,
        /\.tgz$/,
        /\.tar\.gz$/,
      ]
    ) {
      assert.ok(files.some((name) => kind.test(name)), `${kind} in ${files}`);
    }
    assert.match(read("PROVENANCE"), /^commit {5}[0-9a-f]{40}/m);
  });

  test("SHA256SUMS names every other file, sorted", () => {
    const named = read("SHA256SUMS").trimEnd().split("\n").map((line) => line.slice(66));
    assert.deepEqual(named, readdirSync(join(folder, "one")).filter((name) => name !== "SHA256SUMS").sort());
    assert.equal(spawnSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: join(folder, "one") }).status, 0);
  });

  test("the list of packages has all that are in the bundle, no other, and the runtime; their licences go along", () => {
    const metafile = join(folder, "bundle.json");
    const bun = spawnSync("bun", [
      ...["build", "--target=bun", `--metafile=${metafile}`, "--outfile", join(folder, "bundle.js"), "mod.ts"],
    ], { cwd: projectRoot, env: { ...process.env, PATH: `${process.env.PATH}:${toolchain}` } });
    assert.equal(bun.status, 0);
    const { inputs } = JSON.parse(readFileSync(metafile, "utf8")) as { inputs: Record<string, unknown> };
    const bundled = Object.keys(inputs).flatMap((path) =>
      /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []
    );
    const name = readdirSync(join(folder, "one")).find((name) => name.endsWith(".cdx.json"))!;
    const { components, metadata } = JSON.parse(read(name)) as Bom;
    const listed = components.map(({ name }) => name);
    assert.deepEqual(
      listed.filter((name) => name !== "bun" && name !== "deno").sort(),
      [...new Set(bundled)].sort(),
    );
    assert.ok(listed.includes("bun"));
    const noticed = Array.from(read("gate46.notices.txt").matchAll(/^== (\S+)/gm), ([, name]) => name!);
    assert.deepEqual(noticed.sort(), [...new Set(bundled)].sort());
    assert.equal(metadata.component.name, "gate46");
  });

  const again = "a second run makes the same octets";
  test(again, { skip: slow(`release_test.ts, ${again}`), timeout: 900_000 }, () => {
    const { status, stderr } = release(projectRoot, "two");
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(join(folder, "two/SHA256SUMS"), "utf8"), read("SHA256SUMS"));
  });

  test("what a compiler keeps in the tree while it works is no change of it", () => {
    assert.equal(spawnSync("git", ["check-ignore", "-q", ".0-0.bun-build"], { cwd: projectRoot }).status, 0);
  });

  test("places that say another version refuse", () => {
    const root = join(folder, "tree");
    mkdirSync(root);
    for (
      const name of ["scripts/release.sh", "scripts/runtimes.sh", "package.json", "package-lock.json", "deno.json"]
    ) {
      cpSync(join(projectRoot, name), join(root, name));
    }
    writeFileSync(join(root, "CHANGELOG.md"), "# Changelog\n\n## 9.9.9\n");
    const { status, stderr } = release(root, "three");
    assert.match(stderr, /^release\.sh: Cannot release: CHANGELOG\.md says 9\.9\.9 and package\.json \d/m);
    assert.equal(status, 1);
  });
});
