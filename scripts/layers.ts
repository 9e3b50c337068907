/** Fails when a file imports, or names, what its layer may not: `layers.ts [FOLDER]`, where FOLDER holds src/ and mod.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";

interface Layer {
  readonly files: RegExp;
  /** What it may import: project files as paths from the root, everything else as written. */
  readonly imports: RegExp;
  /** What its code may not say. */
  readonly bans?: RegExp;
}

const deno = /\bDeno\./, bun = /\bBun\.|["']bun(:|["'])/, either = new RegExp(`${deno.source}|${bun.source}`);
const clockwork = /\basync\b|\bPromise\b|\bDate\b|\bset(Timeout|Interval)\b|\bconsole\b|\bprocess\b/;

/** The first layer whose `files` match is a file's layer; a file in none is an error. */
const layers: readonly Layer[] = [
  {
    files: /^src\/protocol\//,
    imports: /^src\/protocol\/|^ipaddr\.js$/,
    bans: new RegExp(`${either.source}|${clockwork.source}`),
  },
  { files: /^src\/net\/(deno(_\w+)?|linux\/libc_deno)\.ts$/, imports: /^src\/(net|protocol)\/|^node:/, bans: bun },
  { files: /^src\/net\/(bun(_\w+)?|linux\/libc_bun)\.ts$/, imports: /^src\/(net|protocol)\/|^node:|^bun:/, bans: deno },
  { files: /^src\/net\//, imports: /^src\/(net|protocol)\/|^node:/, bans: either },
  {
    files: /^src\/dns\//,
    imports: /^src\/(dns\/|net\/(socket|error|clock)\.ts|protocol\/address\.ts)|^node:dns/,
    bans: either,
  },
  {
    files: /^src\/gateway\/(users|password_hash)\.ts$/,
    imports: /^src\/(gateway|protocol)\/|^node:(crypto|buffer)$/,
    bans: either,
  },
  {
    files: /^src\/gateway\//,
    imports: /^src\/(gateway\/|protocol\/|dns\/resolver\.ts|net\/(socket|error|clock)\.ts|events\.ts)/,
    bans: new RegExp(`${either.source}|\\bconsole\\b|\\bprocess\\b`),
  },
  {
    files: /^src\/admin\//,
    imports: /^src\/(admin\/|protocol\/codes\.ts|events\.ts)|^hono$|^prom-client$/,
    bans: either,
  },
  { files: /^src\/events\.ts$/, imports: /^src\/(protocol\/|net\/socket\.ts)/, bans: either },
  { files: /^src\/config\.ts$/, imports: /^src\/(protocol\/|net\/socket\.ts|gateway\/settings\.ts)/, bans: either },
  { files: /^src\/cli\//, imports: /^src\/|^package\.json$|^node:|^[@a-z]/, bans: either },
  { files: /^mod\.ts$/, imports: /^src\/|^node:/, bans: either },
];
const anyone = /^(?!src\/cli\/)/; // cli/ composes: only itself and mod.ts import it

export function problems(root: string): string[] {
  const found: string[] = [];
  const graph = new Map<string, string[]>();
  for (const file of ["mod.ts", ...typescript(root, "src")]) {
    const code = withoutComments(readFileSync(join(root, file), "utf8"));
    const report = (index: number, problem: string) =>
      found.push(`${file}:${code.slice(0, index).split("\n").length}: ${problem}`);
    const layer = layers.find(({ files }) => files.test(file));
    if (!layer) {
      report(0, "belongs to no layer");
      continue;
    }
    const imports = importsOf(code, file);
    graph.set(file, imports.map(({ target }) => target));
    for (const { target, index } of imports) {
      const outsider = !anyone.test(target) && !/^(src\/cli\/|mod\.ts)/.test(file);
      if (outsider || !layer.imports.test(target)) report(index, `may not import ${target}`);
    }
    const banned = layer.bans?.exec(code);
    if (banned) report(banned.index, `may not say ${banned[0]}`);
    if (file !== "mod.ts" && !/^\s*(?!export\b[^;]*\bfrom\b|import\b)\S/m.test(code)) {
      report(0, "is a barrel: it only re-exports");
    }
  }
  return [...found, ...cycles(graph)];
}

function typescript(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? typescript(root, path) : path.endsWith(".ts") ? [path] : [];
  }).sort();
}

/** Blanks comments out, so that offsets stay true. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, " "));
}

function importsOf(code: string, file: string): { target: string; index: number }[] {
  const statements = /\b(?:from|import)\s*\(?\s*(["'])([^"'\n]+)\1/g;
  return Array.from(code.matchAll(statements), ({ 2: specifier, index }) => ({
    target: specifier!.startsWith(".") ? relative(".", join(dirname(file), specifier!)) : specifier!,
    index,
  }));
}

function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>(), found: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) found.push(`${file}:1: imports itself: ${[...path.slice(at), file].join(" > ")}`);
    if (at >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

if (import.meta.main) {
  const found = problems(process.argv[2] ?? join(import.meta.dirname!, ".."));
  for (const problem of found) process.stderr.write(`${problem}\n`);
  process.exit(found.length > 0 ? 1 : 0);
}
