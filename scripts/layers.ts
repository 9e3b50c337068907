/** Fails when a file imports, or names, what its layer may not: `layers.ts [FOLDER]`, where FOLDER holds src/ and mod.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import process from "node:process";

const runtime = "Deno Bun globalThis";
const silent = `${runtime} console process`;
const pure = `${silent} async await Promise Date performance setTimeout setInterval setImmediate queueMicrotask`;

/**
 * Which files, what they may import, and the words their code may not say. A name that ends in "/" or ":" stands for all
 * below it, "*" for any part of a file name. The first line that fits a file counts; a file that none fits is an error.
 */
const layers: readonly (readonly [files: string, imports: string, bans: string])[] = [
  ["src/protocol/", "src/protocol/ ipaddr.js", pure],
  ["src/turns/", "src/turns/ src/net/cut.ts src/net/error.ts", silent],
  [
    "src/net/open.ts",
    "src/net/ src/turns/ src/protocol/address.ts src/protocol/cursor.ts src/protocol/octets.ts node:",
    "console",
  ], // the one place that asks which runtime it is
  [
    "src/net/deno/",
    "src/net/ src/turns/ src/protocol/address.ts src/protocol/cursor.ts src/protocol/octets.ts node:",
    "Bun console",
  ],
  [
    "src/net/bun/",
    "src/net/ src/turns/ src/protocol/address.ts src/protocol/cursor.ts src/protocol/octets.ts node: bun:",
    "Deno console",
  ],
  [
    "src/net/",
    "src/net/ src/turns/ src/protocol/address.ts src/protocol/cursor.ts src/protocol/octets.ts node:",
    `${runtime} console`,
  ],
  [
    "src/dns/",
    "src/dns/ src/net/socket.ts src/net/messages.ts src/net/tls/tls.ts src/net/error.ts src/net/error_words.ts src/net/clock.ts src/net/cut.ts src/turns/ src/protocol/address.ts src/protocol/octets.ts dns-packet node:dns node:dns/ node:tls node:https node:crypto node:buffer",
    silent,
  ],
  [
    "src/gateway/users/users.ts src/gateway/users/known_passwords.ts src/gateway/users/password_hash.ts " +
    "src/gateway/dial/prefix_address.ts",
    "src/gateway/ src/protocol/ src/net/socket.ts src/net/error.ts src/net/cut.ts node:crypto node:buffer",
    silent,
  ],
  [
    "src/gateway/",
    "src/gateway/ src/protocol/ src/net/socket.ts src/net/messages.ts src/net/tls/tls.ts src/net/gss/gss.ts src/net/error.ts src/net/clock.ts src/net/cut.ts src/net/deadline.ts src/net/race.ts src/turns/ " +
    "src/dns/resolver.ts src/sockslib/chain/ src/sockslib/gssapi/ src/events.ts",
    silent,
  ],
  [
    "src/sockslib/socksify/",
    "src/sockslib/ src/protocol/ src/net/socket.ts src/net/messages.ts src/net/tls/tls.ts src/net/error.ts src/net/clock.ts src/net/cut.ts src/turns/ node:",
    "console",
  ],
  ["src/sockslib/fake/file_journal.ts", "src/sockslib/ node:fs", silent],
  [
    "src/sockslib/",
    "src/sockslib/ src/protocol/ src/net/socket.ts src/net/messages.ts src/net/tls/tls.ts src/net/gss/gss.ts src/net/error.ts src/net/clock.ts src/net/cut.ts src/net/deadline.ts src/net/race.ts src/turns/ " +
    "src/dns/resolver.ts",
    silent,
  ],
  [
    "src/admin/",
    "src/admin/ src/events.ts src/dns/asked.ts src/protocol/codes.ts src/protocol/gssapi.ts src/protocol/address.ts src/net/socket.ts hono hono/accepts hono/basic-auth hono/bearer-auth hono/combine hono/html hono/utils/buffer prom-client",
    silent,
  ],
  ["src/events.ts", "src/protocol/ src/net/socket.ts src/dns/asked.ts", silent],
  [
    "src/config/",
    "src/config/ src/protocol/ src/net/socket.ts src/gateway/settings.ts src/gateway/way_out.ts src/gateway/quotas/quota.ts src/gateway/rules/ src/gateway/upstreams/upstream.ts " +
    "src/dns/servers/server.ts src/sockslib/chain/hop.ts smol-toml valibot",
    silent,
  ],
  [
    "src/cli/otlp/",
    "src/cli/ src/admin/counted/ src/config/config.ts src/events.ts src/net/clock.ts src/net/cut.ts @opentelemetry/exporter-logs-otlp-http @opentelemetry/exporter-metrics-otlp-http @opentelemetry/resources @opentelemetry/sdk-metrics",
    silent,
  ],
  [
    "src/cli/",
    "src/ package.json node: @logtape/logtape commander",
    runtime,
  ],
  ["mod.ts", "src/ node:fs node:process node:url", runtime],
];

const statement =
  /^[ \t]*(?:import|export)\b(?:[^"'`;()=]*?\bfrom)?\s*["']([^"'\n]+)["']|\bimport\s*\(\s*(?:["']([^"'\n]+)["'])?/gm;
const passingOn =
  /^[ \t]*(?:(?:import|export)\b(?:[^"'`;()=]*?\bfrom)?\s*["'][^;\n]*|export\s+(?:type\s*)?\{[^}]*\})\s*;?/gm;

/** What is wrong in the tree below `root`: file, line and the rule that is broken. */
export function problems(root: string): string[] {
  const found: string[] = [];
  const graph = new Map<string, readonly Import[]>();
  for (const file of ["mod.ts", ...typescript(root, "src")]) {
    const source = readFileSync(join(root, file), "utf8");
    const code = blank(source, /\/\*[^]*?\*\/|\/\/.*/);
    const report = (line: number, problem: string) => found.push(`${file}:${line}: ${problem}`);
    const layer = layers.find(([files]) => covers(files, file));
    if (!layer) {
      report(1, "belongs to no layer");
      continue;
    }
    const [files, allowed, bans] = layer;
    const imports = importsOf(code, file);
    graph.set(file, imports);
    for (const { target, line } of imports) {
      if (!covers(allowed, target)) report(line, `may not import ${target}: ${files} may import ${allowed}`);
    }
    const words = new RegExp(`(?<![.\\w$])(?:${bans.replaceAll(" ", "|")})(?![\\w$])`, "g");
    for (const { 0: word, index } of blank(code, /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/).matchAll(words)) {
      report(lineAt(code, index), `may not say ${word}: ${files}`);
    }
    if (file !== "mod.ts" && code.replace(passingOn, "").trim() === "") report(1, "is a barrel: it only passes on");
  }
  return [...found, ...cycles(graph), ...cycles(rooms(graph))];
}

/** Who imports whom, room by room: a folder is one, and so is each file that stands beside folders. */
function rooms(graph: ReadonlyMap<string, readonly Import[]>): Map<string, Import[]> {
  const parents = new Set([...graph.keys()].map((file) => dirname(dirname(file))));
  const roomOf = (file: string) => parents.has(dirname(file)) ? file : `${dirname(file)}/`;
  const found = new Map<string, Import[]>();
  for (const [file, imports] of graph) {
    const room = roomOf(file), others = found.get(room) ?? [];
    found.set(room, others);
    for (const { target, line } of imports) {
      if (graph.has(target) && roomOf(target) !== room) others.push({ target: roomOf(target), line, from: file });
    }
  }
  return found;
}

interface Import {
  readonly target: string;
  readonly line: number;
  /** Where it stands, where that is not said otherwise. */
  readonly from?: string;
}

function typescript(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? typescript(root, path) : /\.[cm]?[jt]sx?$/.test(path) ? [path] : [];
  }).sort();
}

/** `code` with spaces in place of what `pattern` takes, so that offsets stay true; strings hide what looks like it. */
function blank(code: string, pattern: RegExp): string {
  const strings = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/;
  return code.replace(
    new RegExp(`(${pattern.source})|${strings.source}`, "g"),
    (text, taken?: string) => taken === undefined ? text : text.replace(/[^\n]/g, " "),
  );
}

function importsOf(code: string, file: string): Import[] {
  return Array.from(code.matchAll(statement), ({ 0: text, 1: fixed, 2: dynamic, index }) => {
    const name = fixed ?? dynamic ?? "what only a run can tell";
    return {
      target: name.startsWith(".") ? join(dirname(file), name) : name,
      line: lineAt(code, index + text.length - 1),
    };
  });
}

function covers(names: string, path: string): boolean {
  return names.split(" ").some((name) =>
    /[/:]$/.test(name)
      ? path.startsWith(name)
      : name.includes("*")
      ? new RegExp(`^${name.replace(".", "\\.").replace("*", "[^/]*")}$`).test(path)
      : path === name
  );
}

function lineAt(code: string, index: number): number {
  return code.slice(0, index).split("\n").length;
}

function cycles(graph: ReadonlyMap<string, readonly Import[]>): string[] {
  const done = new Set<string>(), found: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    for (const { target, line, from = file } of graph.get(file) ?? []) {
      const at = [...path, file].indexOf(target);
      if (at >= 0) found.push(`${from}:${line}: closes a cycle: ${[...path, file, target].slice(at).join(" > ")}`);
      else if (!done.has(target)) visit(target, [...path, file]);
    }
    done.add(file);
  };
  for (const file of graph.keys()) if (!done.has(file)) visit(file, []);
  return found;
}

if (import.meta.main) {
  const found = problems(process.argv[2] ?? join(import.meta.dirname!, ".."));
  for (const problem of found) process.stderr.write(`${problem}\n`);
  process.exit(found.length > 0 ? 1 : 0);
}
