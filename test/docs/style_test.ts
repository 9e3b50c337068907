import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { documents } from "../support/docs/markdown.ts";
import { shell } from "../support/program/program.ts";
import { projectRoot, scriptCommand } from "../support/program/runtime.ts";

/** What makes a sentence a riddle (CONTRIBUTING.md, One voice), and what to write. */
const riddles: readonly (readonly [RegExp, string])[] = [
  [
    /(?:^|[.,;:(] |\b(?:of|for|by|from|only|than|as|to|with) )who\b(?! (?:can|may) I)/i,
    "the noun: clients, users, the operator",
  ],
  [/\bwhom\b|\bwhoever\b/i, "the noun: clients, users, the operator"],
  [/\b(?:is|are|was|be) told of\b/i, "gate46 reports, logs or warns about it"],
  [/\bis no (?:prefix|address|number|size|time|port|text|name|list|flag)\b/i, "is not a valid ..."],
  [/\bwhat (?:is|was) (?:left out|in it|said|wrong in it|meant)\b/i, "the noun"],
  [/\b(?:unless|not|where nobody is) told otherwise\b/i, "by default"],
  [/\bso (?:often|long)\b(?! as| that)/i, "the interval or the time by its name"],
  [/\bby (?:him|her|it|them)self\b/i, "the subject"],
];

/** The riddles of a text, in its lines. */
function riddlesOf(text: string): readonly string[] {
  const prose = text.replace(/<!-- riddles -->[^]*?<!-- \/riddles -->/g, (part) => part.replace(/[^\n]/g, ""))
    .replace(/`[^`\n]*`/g, "``");
  return prose.split("\n").flatMap((line, i) => {
    if (/^( {4}|> )/.test(line)) return []; // a command, or the help of an option
    return riddles.flatMap(([pattern, better]) => {
      const found = pattern.exec(line);
      return found ? [`line ${i + 1}: '${found[0].trim()}': write ${better}`] : [];
    });
  });
}

describe("Documents are plain English", () => {
  for (const { path, text } of documents()) {
    test(`${path} has no riddles`, () => assert.deepEqual(riddlesOf(text), []));
  }

  test("a riddle in prose is found, a riddle in code or in the examples of riddles is not", () => {
    const text =
      "It is for who has a token.\n\n    who has a token\n\n`for who` <!-- riddles -->\nof whom\n<!-- /riddles -->\n";
    assert.deepEqual(riddlesOf(text), ["line 1: 'for who': write the noun: clients, users, the operator"]);
  });

  test("each word is known to cspell or listed in scripts/docs/words.txt", { timeout: 100_000 }, async () => {
    const { code, stdout, stderr } = await shell([
      ...scriptCommand("node_modules/cspell/bin.mjs"),
      ...["lint", "--no-progress", "--no-summary", "--root", projectRoot, "--config", "scripts/docs/cspell.json"],
      ...documents().map(({ path }) => join(projectRoot, path)),
    ]);
    assert.equal(code, 0, stdout + stderr);
  });

  test("scripts/docs/words.txt is sorted and has no unused word", () => {
    const words = readFileSync(join(projectRoot, "scripts/docs/words.txt"), "utf8").split("\n").filter(Boolean);
    const text = documents().map(({ text }) => text).join("\n").toLowerCase();
    assert.deepEqual(words.filter((word) => !text.includes(word.toLowerCase())), []);
    assert.deepEqual(words, [...words].sort((a, b) => a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  });
});
