import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { problems } from "../scripts/layers.ts";

const root = join(import.meta.dirname!, "..");

/** What `look` sees in a small project with `files` added. */
function inTree<T>(files: Record<string, string>, look: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "gate46-layers-"));
  const all = { "mod.ts": "export const a = 1;\n", "src/config/config.ts": "export const c = 1;\n", ...files };
  try {
    for (const [path, code] of Object.entries(all)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), code);
    }
    return look(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The problems without the list of what would have been allowed. */
function brief(folder: string): string[] {
  return problems(folder).map((problem) => problem.replace(/(may not (?:import|say) [^:]*(?::[^: ]+)?): .*/, "$1"));
}

test("layers: this project keeps them", () => assert.deepEqual(problems(root), []));

const kept: Record<string, string> = {
  "mod.ts": 'import { main } from "./src/cli/main.ts";\nexport { b } from "./src/gateway/b.ts";\nmain();\n',
  "src/cli/main.ts":
    'import { Command } from "commander";\nexport const main = () => new Command();\nconsole.log(1);\n',
  "src/gateway/b.ts": 'import type { Socket } from "../net/socket.ts";\nexport const b = (socket: Socket) => socket;\n',
  "src/gateway/users/users.ts": 'import { hash } from "node:crypto";\nexport const users = hash;\n',
  "src/net/socket.ts": "export interface Socket {\n  readonly a: number;\n}\n",
  "src/net/open.ts": 'export const open = () => "Deno" in globalThis ? import("./deno.ts") : import("./bun.ts");\n',
  "src/net/deno/deno_net.ts": "export const a = Deno.args;\n",
  "src/net/deno/deno_udp.ts": "export const a = Deno.args;\n",
  "src/net/bun/bun_net.ts": 'import { dlopen } from "bun:ffi";\nexport const a = [Bun, dlopen];\n',
  "src/protocol/a.ts":
    "// an async Promise of Deno.args\n/* console */\nexport const a = 'async // Promise', b = \"Date\";\n",
};

test("layers: two rooms that import each other make a circle", () => {
  const files = {
    ...kept,
    "src/gateway/dial/a.ts": 'import type { B } from "../rules/b.ts";\nexport type A = B;\n',
    "src/gateway/rules/b.ts": "export type B = 1;\n",
    "src/gateway/rules/c.ts": 'import type { D } from "../dial/d.ts";\nexport type C = D;\n',
    "src/gateway/dial/d.ts": "export type D = 1;\n",
  };
  assert.deepEqual(inTree(files, brief), [
    "src/gateway/rules/c.ts:1: closes a cycle: src/gateway/dial/ > src/gateway/rules/ > src/gateway/dial/",
  ]);
});

test("layers: a tree that keeps them has no problem", () => assert.deepEqual(inTree(kept, problems), []));

const broken: readonly (readonly [name: string, file: string, code: string, ...problems: string[]])[] = [
  [
    "protocol/ may not wait",
    "src/protocol/a.ts",
    "export const a = 1;\nexport async function b() {}\n",
    "2: may not say async",
  ],
  ["protocol/ may not know the time", "src/protocol/a.ts", "export const a = new Date();\n", "1: may not say Date"],
  [
    "protocol/ may not import net/",
    "src/protocol/a.ts",
    'import "../net/x.ts";\nlet a;\n',
    "1: may not import src/net/x.ts",
  ],
  ["protocol/ may not import node:", "src/protocol/a.ts", 'import "node:fs";\nlet a;\n', "1: may not import node:fs"],
  [
    "each banned word is told",
    "src/protocol/a.ts",
    "let a: Promise<Date>;\n",
    "1: may not say Promise",
    "1: may not say Date",
  ],
  ["only an adapter names a runtime", "src/net/relay.ts", "export const a = Deno.args;\n", "1: may not say Deno"],
  [
    "a runtime is named without a dot too",
    "src/net/relay.ts",
    "export const { args } = Deno;\n",
    "1: may not say Deno",
  ],
  ["Bun's adapter may not name Deno", "src/net/bun/bun_udp.ts", "export const a = Deno.args;\n", "1: may not say Deno"],
  [
    "Deno's adapter may not import Bun's",
    "src/net/deno/deno_net.ts",
    'import "bun:ffi";\nlet a;\n',
    "1: may not import bun:ffi",
  ],
  [
    "only net/mod.ts asks which runtime it is",
    "src/net/a.ts",
    'export const a = "Bun" in globalThis;\n',
    "1: may not say globalThis",
  ],
  [
    "net/ may not import gateway/",
    "src/net/a.ts",
    'import "../gateway/x.ts";\nlet a;\n',
    "1: may not import src/gateway/x.ts",
  ],
  [
    "net/ knows no more of protocol/ than addresses",
    "src/net/a.ts",
    'import "../protocol/request.ts";\nlet a;\n',
    "1: may not import src/protocol/request.ts",
  ],
  [
    "dns/ may not import a runtime's adapter",
    "src/dns/a.ts",
    'import "../net/open.ts";\nlet a;\n',
    "1: may not import src/net/open.ts",
  ],
  [
    "gateway/ may not import an adapter",
    "src/gateway/a.ts",
    'import "../net/deno/deno_net.ts";\nlet a;\n',
    "1: may not import src/net/deno/deno_net.ts",
  ],
  [
    "an import of types is one",
    "src/gateway/a.ts",
    'import type { X } from "../admin/x.ts";\nlet a: X;\n',
    "1: may not import src/admin/x.ts",
  ],
  [
    "an import over several lines is one",
    "src/gateway/a.ts",
    'import {\n  x,\n} from "../admin/x.ts";\nx();\n',
    "3: may not import src/admin/x.ts",
  ],
  ["a dynamic import is one", "src/gateway/a.ts", 'export const a = import("node:fs");\n', "1: may not import node:fs"],
  [
    "a passing on is one",
    "src/gateway/a.ts",
    'export * from "../admin/x.ts";\nlet a;\n',
    "1: may not import src/admin/x.ts",
  ],
  [
    "an import by a computed name is told",
    "src/gateway/a.ts",
    "export const a = (b: string) => import(b);\n",
    "1: may not import what only a run can tell",
  ],
  [
    "gateway/ hashes in two files only",
    "src/gateway/a.ts",
    'import "node:crypto";\nlet a;\n',
    "1: may not import node:crypto",
  ],
  ["gateway/ may not log", "src/gateway/a.ts", "console.log(1);\n", "1: may not say console"],
  [
    "sockslib/ may not import gateway/",
    "src/sockslib/a.ts",
    'import "../gateway/x.ts";\nlet a;\n',
    "1: may not import src/gateway/x.ts",
  ],
  [
    "admin/ may not import gateway/",
    "src/admin/a.ts",
    'import "../gateway/x.ts";\nlet a;\n',
    "1: may not import src/gateway/x.ts",
  ],
  [
    "nothing but mod.ts imports cli/",
    "src/config/config.ts",
    'import "../cli/x.ts";\nlet a;\n',
    "1: may not import src/cli/x.ts",
  ],
  ["nothing imports mod.ts", "src/cli/a.ts", 'import "../../mod.ts";\nlet a;\n', "1: may not import mod.ts"],
  [
    "a package that is not named is refused",
    "src/admin/a.ts",
    'import "express";\nlet a;\n',
    "1: may not import express",
  ],
  ["a file belongs to a layer", "src/helpers/a.ts", "export const a = 1;\n", "1: belongs to no layer"],
  ["a barrel is no file", "src/net/index.ts", 'export { x } from "./x.ts";\n', "1: is a barrel: it only passes on"],
  [
    "a barrel over several lines",
    "src/net/index.ts",
    'export {\n  x,\n  y,\n} from "./x.ts";\n',
    "1: is a barrel: it only passes on",
  ],
  [
    "a barrel that imports first",
    "src/net/index.ts",
    'import { x } from "./x.ts";\n\nexport { x };\n',
    "1: is a barrel: it only passes on",
  ],
  [
    "no file imports itself",
    "src/dns/a.ts",
    'import "./a.ts";\nlet a;\n',
    "1: closes a cycle: src/dns/a.ts > src/dns/a.ts",
  ],
];

for (const [name, file, code, ...expected] of broken) {
  test(`layers: ${name}`, () => {
    assert.deepEqual(inTree({ [file]: code }, brief), expected.map((problem) => `${file}:${problem}`));
  });
}

test("layers: no cycles", () => {
  const files = {
    "src/dns/a.ts": 'import "./b.ts";\nlet a;\n',
    "src/dns/b.ts": 'let b;\nimport type { C } from "./c.ts";\n',
    "src/dns/c.ts": 'import "./b.ts";\nlet c;\n',
  };
  assert.deepEqual(inTree(files, brief), [
    "src/dns/c.ts:1: closes a cycle: src/dns/b.ts > src/dns/c.ts > src/dns/b.ts",
  ]);
});

test("layers: a problem comes with the rule, and ends the command with 1", () => {
  inTree({ "src/events.ts": 'import "node:fs";\nlet a;\n' }, (folder) => {
    const runtime = "Bun" in globalThis ? [] : ["run", "-A", "--quiet", "--no-config"];
    const { status, stderr } = spawnSync(process.execPath, [...runtime, join(root, "scripts/layers.ts"), folder]);
    assert.equal(
      stderr.toString(),
      "src/events.ts:1: may not import node:fs: src/events.ts may import src/protocol/ src/net/socket.ts src/dns/asked.ts\n",
    );
    assert.equal(status, 1);
  });
});
