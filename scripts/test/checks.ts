import { join } from "node:path";

/** A check that passes or fails as a whole. It exits with 3 where it needs a download that cannot be had. */
export interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const manual = "--node-modules-dir=manual";

/** What makes the executables, which tests wait for. */
export const compilers: readonly Check[] = [
  { name: "compile with bun", command: ["sh", "compile.sh", "bun"] },
  { name: "compile with deno", command: ["sh", "compile.sh", "deno"] },
];

/** What is checked besides tests. None of them may install packages, as Deno does by deno.json: others read them meanwhile. */
export const checks: readonly Check[] = [
  { name: "types", command: ["deno", "check", manual, "mod.ts", "src", "test", "scripts"] },
  { name: "format", command: ["deno", "fmt", "--check"] },
  {
    name: "lint",
    command: ["deno", "lint", "--no-config", "--ignore=scripts/toolchain", "mod.ts", "src", "test", "scripts"],
  },
  { name: "layers", command: ["deno", "run", "-A", manual, "scripts/layers.ts"] },
];

/** Where the executables are once they have been made. */
export function executables(root: string): readonly string[] {
  return ["bun", "deno"].map((runtime) => join(root, "dist", `gate46-${runtime}`));
}
