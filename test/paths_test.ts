import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { test } from "node:test";

const root = join(import.meta.dirname!, "..");

/** Every file below `folder` whose name ends so. */
function below(folder: string, end: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? below(path, end) : path.endsWith(end) ? [path] : [];
  });
}

/** Files and folders that a text for people names: in backticks, from one of `bases`; and links, from its own folder. */
function named(file: string, text: string, bases: readonly string[]): { path: string; isThere: boolean }[] {
  const prose = text.replace(/^```[^]*?^```/gm, "");
  const quoted = Array.from(prose.matchAll(/`(\.{0,2}[\w/.-]*\w(?:\.ts|\/))`/g), ([, path]) => path!)
    .filter((path) => !path.startsWith("/") && !path.startsWith("dist/"));
  const links = Array.from(prose.matchAll(/\]\((?!\w+:|#)([^)#]+)[^)]*\)/g), ([, path]) => path!);
  const isThere = (base: string, path: string) => existsSync(join(root, base, path));
  return [
    ...quoted.map((path) => ({ path, isThere: bases.some((base) => isThere(base, path)) })),
    ...links.map((path) => ({ path, isThere: isThere(dirname(file), path) })),
  ];
}

/** What of these is not there, and of which file. */
function missing(file: string, bases: readonly string[], text = readFileSync(join(root, file), "utf8")): string[] {
  return named(file, text, bases).filter(({ isThere }) => !isThere).map(({ path }) => `${file}: ${path}`);
}

test("paths: each that a document names is there", () => {
  const documents = below("docs", ".md");
  assert.ok(documents.length >= 30);
  assert.deepEqual([
    ...missing("src/README.md", ["src", ""]),
    ...documents.flatMap((file) => missing(file, ["", "src"])),
    ...missing("README.md", ["", "src", "test"]),
    ...missing("CONTRIBUTING.md", [""]),
    ...missing("SECURITY.md", [""]),
    ...missing("CODE_OF_CONDUCT.md", [""]),
  ], []);
});

test("paths: one that is not there is found, in a table, in prose and behind a link", () => {
  const text = "| `net/race.ts` | `net/gone.ts`, `gone/` |\n\nSee `net/` and [it](net/race.ts), [not](gone.md).\n";
  assert.deepEqual(missing("src/README.md", ["src"], text), [
    "src/README.md: net/gone.ts",
    "src/README.md: gone/",
    "src/README.md: gone.md",
  ]);
});

test("paths: src/README.md sends to twenty places and more, and has each folder of src/ in a table", () => {
  const readme = readFileSync(join(root, "src/README.md"), "utf8");
  const rows = readme.slice(readme.indexOf("| I want to change"), readme.indexOf("## Rooms")).match(/^\| .* \| .*`/gm);
  assert.ok(rows!.length >= 20);
  const folders = new Set(below("src", ".ts").map((file) => `${dirname(file).slice("src/".length)}/`));
  folders.delete("/");
  assert.deepEqual([...folders].filter((folder) => !new RegExp(`^\\|[^|]*\`${folder}\``, "m").test(readme)), []);
});

test("paths: each that a comment in src/ names is there", () => {
  const all = ["src", "test", "scripts"].flatMap((folder) => below(folder, ".ts").map((file) => `/${file}`));
  all.push("/mod.ts");
  const wrong = below("src", ".ts").flatMap((file) => {
    const comments = readFileSync(join(root, file), "utf8").match(/\/\*\*[^]*?\*\/|(?<=^|[\s;{}])\/\/ .*/gm) ?? [];
    const paths = comments.flatMap((comment) => comment.match(/(?<![\w./-])[a-z_0-9]+(?:\/[a-z_0-9]+)*\.ts\b/g) ?? []);
    return paths.filter((path) => !all.some((one) => one.endsWith(`/${path}`))).map((path) => `${file}: ${path}`);
  });
  assert.deepEqual(wrong, []);
});
