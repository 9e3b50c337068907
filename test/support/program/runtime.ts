import { join, resolve } from "node:path";
import process from "node:process";

/** The folder that holds src/ and test/. */
export const projectRoot = join(import.meta.dirname!, "../../..");

/** The runtime that runs the tests. */
export const runtime: "bun" | "deno" = "Bun" in globalThis ? "bun" : "deno";

/** The command that runs a file of this project on the runtime that runs the tests. */
export function scriptCommand(path: string): readonly string[] {
  const file = resolve(projectRoot, path);
  return runtime === "bun" ? [process.execPath, file] : [
    process.execPath,
    "run",
    "-A",
    "--quiet",
    "--node-modules-dir=manual",
    "--config",
    join(projectRoot, "deno.json"),
    file,
  ];
}
