import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../program/runtime.ts";

const folder = join(projectRoot, "test/config/golden");

/** A configuration, and what becomes of it (test/config/golden/README.md). */
export interface GoldenCase {
  readonly toml: string;
  readonly outcome: readonly string[];
}

export function goldenFiles(): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith(".toml")).sort();
}

export function goldenCases(file: string): readonly GoldenCase[] {
  return readFileSync(join(folder, file), "utf8").trimEnd().split("\n====\n").map((text) => {
    const [toml, outcome] = text.split("\n----\n");
    return { toml: toml!, outcome: (outcome ?? "").split("\n") };
  });
}
