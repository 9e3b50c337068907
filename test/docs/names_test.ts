import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { test } from "node:test";
import type { Command } from "commander";
import { program } from "../../src/cli/program.ts";
import { optionKeys, variableName } from "../../src/config/options.ts";
import { column, type Document, documents, quoted } from "../support/docs/markdown.ts";
import { projectRoot } from "../support/program/runtime.ts";

const all = documents();
const root = program(new URL("file:///"), () => {});
const flagsOf = (command: Command) => command.options.map(({ long }) => long!);
const flags = new Set([...flagsOf(root), ...root.commands.flatMap(flagsOf), "--help", "--version"]);

/** Variables that are no options. */
const otherVariables = new Set([
  "GATE46_BINS",
  "GATE46_SOCKSIFY_VIA",
  "GATE46_SOCKSIFY_DIRECT",
  "GATE46_RUNTIME",
  "GATE46_X",
]);

function wrongOnes(find: (document: Document) => readonly string[]): readonly string[] {
  return all.flatMap((document) => find(document).map((what) => `${document.path}: ${what}`));
}

test("each flag of gate46 in a document exists", () => {
  const wrong = wrongOnes(({ text }) => {
    const alone = quoted(text).flatMap((code) => /^--[a-z\d-]+/.exec(code) ?? []).filter((flag) => !ofOthers.has(flag));
    const lines = text.match(/^ {4}(?:.*\| )?gate46 .*|`gate46 [^`]*`/gm) ?? [];
    const inLines = lines.flatMap((line) =>
      line.replace(/ # .*/, "").replace(/ -- .*/, "").split("&& curl")[0]!.match(/(?<= )--[a-z][a-z\d-]*/g) ?? []
    );
    return [...alone, ...inLines].filter((flag) => !flags.has(flag));
  });
  assert.deepEqual(wrong, []);
});

/** Flags of other programs, where documents name them without the program. */
const ofOthers = new Set([
  "--all",
  "--allow-ffi",
  "--allow-net",
  "--allow-read",
  "--ipv6",
  "--changed",
  "--proxy",
  "--proxy-auth",
  "--proxy-dns",
  "--proxy-password",
  "--proxy-server",
  "--proxy-user",
  "--runtime",
  "--socks5",
  "--socks5-gssapi-nec",
  "--socks5-hostname",
  "--ulimit",
  "--unstable-net",
]);

test("each variable of gate46 in a document exists", () => {
  const known = new Set([...optionKeys.map(variableName), ...otherVariables]);
  assert.deepEqual(
    wrongOnes(({ text }) => (text.match(/\bGATE46_[A-Z\d_]+/g) ?? []).filter((name) => !known.has(name))),
    [],
  );
});

test("each metric in a document is in the metrics reference", () => {
  const metrics = readFileSync(join(projectRoot, "docs/reference/metrics.md"), "utf8");
  const known = column(metrics, "metric").flatMap(quoted);
  assert.deepEqual(
    wrongOnes(({ text }) =>
      quoted(text).filter((name) => /^gate46_[a-z_]+(\{|$)/.test(name) && !known.includes(name.split("{")[0]!))
    ),
    [],
  );
});

/** As GitHub makes an anchor of a heading. */
function anchors(text: string): readonly string[] {
  return Array.from(
    text.matchAll(/^#+ (.*)$/gm),
    ([, heading]) => heading!.replaceAll("`", "").toLowerCase().replace(/[^\p{L}\d _-]/gu, "").replaceAll(" ", "-"),
  );
}

test("each link has a target, including its heading", () => {
  const wrong = wrongOnes(({ path, text }) => {
    const prose = text.replace(/^```[^]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
    return Array.from(prose.matchAll(/\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)/g)).filter(([, file, anchor]) => {
      const target = file === "" ? path : join(dirname(path), file!);
      if (!existsSync(join(projectRoot, target))) return true;
      return anchor !== undefined && !anchors(readFileSync(join(projectRoot, target), "utf8")).includes(anchor);
    }).map(([link]) => link);
  });
  assert.deepEqual(wrong, []);
});

test("each document below docs/ is linked from docs/README.md, directly or through other pages", () => {
  const found = new Set<string>(), ways = ["docs/README.md"];
  for (let path = ways.pop(); path !== undefined; path = ways.pop()) {
    if (found.has(path) || !path.endsWith(".md")) continue;
    found.add(path);
    const text = all.find((one) => one.path === path)?.text ?? "";
    for (const [, file] of text.matchAll(/\]\((?!\w+:|#)([^)#]+)/g)) ways.push(join(dirname(path), file!));
  }
  assert.deepEqual(all.map(({ path }) => path).filter((path) => path.startsWith("docs/") && !found.has(path)), []);
});
