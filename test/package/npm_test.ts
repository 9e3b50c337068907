import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const toolchain = join(projectRoot, "scripts/toolchain/node_modules/.bin");
const env = { ...process.env, PATH: `${process.env.PATH}:${toolchain}`, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
const has = (tool: string) => spawnSync(tool, ["--version"], { env }).status === 0;
const missing = ["deno", "bun", "tar"].find((tool) => !has(tool));
const folder = temporaryFolder("npm");
/** Another project, which has the package as its dependency. */
const project = join(folder, "project");

function call(command: string, args: readonly string[], cwd = project): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

describe("the npm package", { skip: skipped("npm_test.ts", missing ? `${missing} is not here` : false) }, () => {
  test("it holds the program, its papers, the types and nothing else", { timeout: 300_000 }, () => {
    call("sh", [join(projectRoot, "scripts/package/npm/build.sh"), folder], folder);
    const [name] = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
    const files = call("tar", ["-tzf", name!], folder).trim().split("\n").map((file) => file.replace("package/", ""));
    assert.deepEqual(files.filter((file) => !file.startsWith("types/")).sort(), [
      ...["LICENSE", "README.md", "gate46.1", "gate46.example.toml", "gate46.js", "gate46.notices.txt"],
      ...["gate46.schema.json", "package.json"],
    ]);
    assert.ok(files.every((file) => !file.startsWith("types/") || file.endsWith(".d.ts")));
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), `{ "type": "module" }`);
    // From the file alone: a registry that is not there would refuse.
    call("bun", ["add", "--registry=http://127.0.0.1:9", join(folder, name!)]);
    const manifest = JSON.parse(readFileSync(join(project, "node_modules/gate46/package.json"), "utf8"));
    assert.equal(manifest.dependencies, undefined);
    assert.equal(manifest.private, undefined);
  });

  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));

  test("bunx gate46 and deno run npm:gate46 are the program", () => {
    assert.equal(call("bunx", ["--no-install", "gate46", "--version"]).trim(), version);
    assert.equal(call("deno", ["run", "-A", "--quiet", "npm:gate46", "--version"]).trim(), version);
  });

  test("gate46.js alone is the program on either runtime, and Node.js is told what it wants", () => {
    const script = join(project, "node_modules/gate46/gate46.js");
    assert.equal(call("bun", [script, "--version"]).trim(), version);
    assert.equal(call("deno", ["run", "-A", "--quiet", script, "--version"]).trim(), version);
    if (skipped("npm_test.ts, the program on Node.js", has("node") ? false : "node is not here")) return;
    const { status, stderr } = spawnSync("node", [script, "--version"], { env, encoding: "utf8" });
    assert.match(stderr, /^gate46: Cannot run on Node\.js/);
    assert.equal(status, 1);
  });

  test("a program elsewhere has a gateway with its own rules and users, on Deno, Bun and Node.js", () => {
    const script = readFileSync(join(import.meta.dirname!, "embedded_gateway.js"), "utf8");
    writeFileSync(join(project, "embedded.js"), script);
    for (const command of [["bun"], ["deno", "run", "-A", "--quiet"], ["node"]]) {
      const absent = command[0] === "node" && !has("node");
      if (skipped("npm_test.ts, the library on Node.js", absent && "node is not here")) continue;
      const [file, ...args] = [...command, "embedded.js"];
      assert.deepEqual(call(file!, args).trim().split("\n"), [
        "connected: hello",
        "datagram: hello",
        "bound: hello",
        "by address: 2",
        "by name: 2",
        "wrong password: true permission-denied",
        "closed by default: 2",
        "nobody goes there, no ads, loopback destination 127.0.0.1",
      ], file);
    }
  });

  test("the types that come with it fit such a program, and refuse a wrong one", () => {
    const check = (text: string) => {
      writeFileSync(join(project, "typed.ts"), text);
      return spawnSync("deno", ["check", "--quiet", "typed.ts"], { cwd: project, env, encoding: "utf8" });
    };
    const good = `import { Client, openNet, type Rule, systemClock, systemResolver } from "gate46";
const rules: readonly Rule[] = [{ name: "one", action: "deny" }];
const via = "socks5://127.0.0.1:1080";
export const client = new Client({ net: await openNet(), clock: systemClock, resolver: systemResolver(), via });
export const first: "allow" | "deny" = rules[0]!.action;
`;
    const { status, stderr } = check(good);
    assert.equal(status, 0, stderr);
    assert.match(check(good.replace(`"deny" }`, `"forbid" }`)).stderr, /TS2322/);
  });
});
