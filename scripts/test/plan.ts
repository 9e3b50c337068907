import { UsageError } from "./usage_error.ts";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path/posix";

export type Runtime = "deno" | "bun";

/** A test file under a runtime. */
export interface Run {
  readonly runtime: Runtime;
  /** From the project's root. */
  readonly file: string;
}

/** Files that say the same whichever runtime runs them: packaging, deployment files, documents, the project's own scripts. */
const once: readonly string[] = [
  "test/package/",
  "test/deploy/",
  "test/scripts/",
  "test/docs/",
  "test/cli/completion_test.ts",
  "test/layers_test.ts",
  "test/paths_test.ts",
  "test/admin/page_acting_test.ts",
];

/** Every test file below `paths`, each under the runtimes that it is for. Throws where a path holds none. */
export function plan(root: string, paths: readonly string[], runtimes: readonly Runtime[]): readonly Run[] {
  const files = [...new Set(paths.flatMap((path) => testFiles(root, path)))];
  return files.flatMap((file) => {
    const chosen = once.some((part) => file.startsWith(part)) ? runtimes.slice(-1) : runtimes;
    return chosen.map((runtime) => ({ runtime, file }));
  });
}

function testFiles(root: string, path: string): readonly string[] {
  const place = join(root, path);
  if (!existsSync(place)) throw new UsageError(`Cannot run ${path}: it is not there`);
  if (statSync(place).isFile()) return [path.replace(/^\.\//, "")];
  return readdirSync(place, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("_test.ts")).sort()
    .map((name) => join(path, name));
}

/** What a person knows a run by. */
export function nameOf({ runtime, file }: Run): string {
  return `${runtime} ${file}`;
}
