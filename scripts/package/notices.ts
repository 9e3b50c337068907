/** Prints the licences of the packages that are in the executables, which want to go along with them: `notices.ts > gate46.notices.txt`. */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import manifest from "../../package.json" with { type: "json" };
import { typesOnly } from "./types_only.ts";

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname!, "../..");

/** The folders of the packages that are shipped, by name: those that package.json names, and theirs. */
function shipped(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const ship = (name: string, from: string) => {
    if (found.has(name) || typesOnly.has(name)) return;
    const folder = folderOf(name, from);
    found.set(name, folder);
    for (const dependency of Object.keys(packageIn(folder).dependencies ?? {})) ship(dependency, folder);
  };
  for (const name of Object.keys(manifest.dependencies)) ship(name, root);
  return found;
}

/** As runtimes look for a package. Throws Error. */
function folderOf(name: string, from: string): string {
  const folder = join(from, "node_modules", name);
  if (existsSync(folder)) return realpathSync(folder); // Deno has what a package needs beside where it really is
  if (from === dirname(from)) throw new Error(`Cannot find ${name}: it is not in node_modules`);
  return folderOf(name, dirname(from));
}

function packageIn(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Throws Error for a package without one. */
function licenceIn(folder: string): string {
  const files = readdirSync(folder).filter((name) => /^(licen[cs]e|notice)(\.(md|txt))?$/i.test(name)).sort();
  if (!files.some((name) => /^l/i.test(name))) throw new Error(`Cannot find the licence in ${folder}`);
  return files.map((name) => readFileSync(join(folder, name), "utf8").trim()).join("\n\n");
}

const all = Array.from(shipped()).sort(([a], [b]) => a < b ? -1 : 1);
process.stdout.write("The executables of gate46 hold these packages, beside their runtime.\n");
for (const [, folder] of all) {
  const { name, version, license } = packageIn(folder);
  process.stdout.write(`\n\n== ${name} ${version}, ${license}\n\n${licenceIn(folder)}\n`);
}
