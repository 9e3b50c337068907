import { join } from "node:path";

/** A check that passes or fails as a whole. It exits with 3 where it needs a download that cannot be had. */
export interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const manual = "--node-modules-dir=manual";

/** What makes the program in one file and the executables, which tests wait for. */
export const compilers: readonly Check[] = [
  { name: "bundle", command: ["sh", "compile.sh", "js"] },
  { name: "compile with bun", command: ["sh", "compile.sh", "bun"] },
  { name: "compile with deno", command: ["sh", "compile.sh", "deno"] },
];

/** What is checked besides tests. None of them may install packages, as Deno does by deno.json: others read them meanwhile. */
export const checks: readonly Check[] = [
  { name: "types", command: ["deno", "check", manual, "mod.ts", "src", "test", "scripts", "examples"] },
  { name: "format", command: ["deno", "fmt", "--check"] },
  {
    name: "lint",
    command: [
      "deno",
      "lint",
      "--no-config",
      "--ignore=scripts/toolchain",
      "mod.ts",
      "src",
      "test",
      "scripts",
      "examples",
    ],
  },
  { name: "layers", command: ["deno", "run", "-A", manual, "scripts/layers.ts"] },
];

/** Where that is once it has been made. */
export function compiled(root: string): readonly string[] {
  return ["gate46.js", "gate46-bun", "gate46-deno"].map((name) => join(root, "dist", name));
}
