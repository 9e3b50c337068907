import { UsageError } from "./usage_error.ts";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";

/** Files that differ from `base`, with those that git does not know. Throws where git cannot tell. */
export function changedFiles(root: string, base: string): readonly string[] {
  const git = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
    if (status !== 0) {
      throw new UsageError(`Cannot tell what has changed since ${base}: ${stderr || "git is not here"}`);
    }
    return stdout.split("\n").filter(Boolean);
  };
  return [...git("diff", "--name-only", base, "--"), ...git("ls-files", "--others", "--exclude-standard")];
}

/** The commit that was the last one before so many hours; undefined where there is none, or no git. */
export function commitBefore(root: string, hours: number): string | undefined {
  const { stdout } = spawnSync("git", ["rev-list", "-1", `--before=${hours} hours ago`, "HEAD"], {
    cwd: root,
    encoding: "utf8",
  });
  return stdout?.trim() || undefined;
}

/** Of what tests depend on, what they reach through imports, and paths that they name. */
export class Reach {
  readonly #root: string;
  readonly #named = new Map<string, readonly string[]>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Whether a change of one of `changed` may change what `test` finds. */
  isTouched(test: string, changed: readonly string[]): boolean {
    const reached = this.#reached(test);
    return changed.some((file) => reached.some((part) => file === part || file.startsWith(`${part}/`)));
  }

  /** `test` and the code of tests that it imports, directly or not. */
  codeOf(test: string): readonly string[] {
    return this.#reached(test).filter((path) => path.startsWith("test/") && path.endsWith(".ts"));
  }

  #reached(test: string): readonly string[] {
    const seen = new Set<string>([test]);
    for (const file of seen) {
      // What a file of the program reaches is code: a whole folder that is named there is no dependency of a test.
      for (const name of this.#namedIn(file)) if (file !== name) seen.add(name);
    }
    return [...seen];
  }

  /** Files that `file` imports, and, of a test, files and folders whose paths from the root stand in it. */
  #namedIn(file: string): readonly string[] {
    let named = this.#named.get(file);
    if (named) return named;
    const code = /\.[cm]?[jt]s$/.test(file) && existsSync(join(this.#root, file))
      ? readFileSync(join(this.#root, file), "utf8")
      : "";
    const imports = Array.from(
      code.matchAll(/["'](\.\.?\/[^"'\n]+\.[cm]?[jt]s)["']/g),
      ([, path]) => join(dirname(file), path!),
    );
    const paths = file.startsWith("test/")
      ? Array.from(
        code.matchAll(
          /["'`/]((?:src|scripts|test|docs)\/[\w./-]+|docs|examples|mod\.ts|compile\.sh|[A-Z_]+\.md|package\.json)/g,
        ),
        ([, path]) => path!,
      )
      : [];
    named = [...imports, ...paths].map((path) => path.replace(/\/$/, "")).filter((path) =>
      existsSync(join(this.#root, path))
    );
    this.#named.set(file, named);
    return named;
  }
}
