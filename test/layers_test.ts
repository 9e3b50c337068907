import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { problems } from "../scripts/layers.ts";

function tree(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), "gate46-layers-"));
  try {
    for (
      const [path, code] of Object.entries({
        "mod.ts": "export const a = 1;\n",
        "src/config.ts": "export const c = 1;\n",
        ...files,
      })
    ) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), code);
    }
    return problems(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("layers: this project keeps them", () => {
  assert.deepEqual(problems(join(import.meta.dirname!, "..")), []);
});

const broken: readonly (readonly [string, string, string, string])[] = [
  [
    "protocol/ may not wait",
    "src/protocol/a.ts",
    "export const a = 1;\nexport async function b() {}\n",
    "src/protocol/a.ts:2: may not say async",
  ],
  [
    "protocol/ may not import net/",
    "src/protocol/a.ts",
    'import { x } from "../net/x.ts";\nx();\n',
    "src/protocol/a.ts:1: may not import src/net/x.ts",
  ],
  [
    "only an adapter names a runtime",
    "src/net/relay.ts",
    "export const a = Deno.args;\n",
    "src/net/relay.ts:1: may not say Deno.",
  ],
  [
    "Bun's adapter may not name Deno",
    "src/net/bun_udp.ts",
    "export const a = Deno.args;\n",
    "src/net/bun_udp.ts:1: may not say Deno.",
  ],
  [
    "gateway/ may not import an adapter",
    "src/gateway/a.ts",
    'import { x } from "../net/deno.ts";\nx();\n',
    "src/gateway/a.ts:1: may not import src/net/deno.ts",
  ],
  [
    "gateway/ may not import by type either",
    "src/gateway/a.ts",
    'import type { X } from "../admin/x.ts";\nlet a: X;\n',
    "src/gateway/a.ts:1: may not import src/admin/x.ts",
  ],
  ["gateway/ may not log", "src/gateway/a.ts", "console.log(1);\n", "src/gateway/a.ts:1: may not say console"],
  [
    "a dynamic import counts",
    "src/gateway/a.ts",
    'export const a = import("node:fs");\n',
    "src/gateway/a.ts:1: may not import node:fs",
  ],
  [
    "nothing imports cli/",
    "src/net/a.ts",
    'import { x } from "../cli/x.ts";\nx();\n',
    "src/net/a.ts:1: may not import src/cli/x.ts",
  ],
  [
    "a barrel is no file",
    "src/net/index.ts",
    'export { x } from "./x.ts";\n',
    "src/net/index.ts:1: is a barrel: it only re-exports",
  ],
  ["a file belongs to a layer", "src/helpers/a.ts", "export const a = 1;\n", "src/helpers/a.ts:1: belongs to no layer"],
  [
    "no cycles",
    "src/dns/a.ts",
    'import "./a.ts";\nexport const a = 1;\n',
    "src/dns/a.ts:1: imports itself: src/dns/a.ts > src/dns/a.ts",
  ],
];

for (const [name, path, code, problem] of broken) {
  test(`layers: ${name}`, () => assert.deepEqual(tree({ [path]: code }), [problem]));
}

test("layers: what a comment says is no code", () => {
  assert.deepEqual(tree({ "src/protocol/a.ts": "// an async Promise of Deno.args\nexport const a = 1;\n" }), []);
});
