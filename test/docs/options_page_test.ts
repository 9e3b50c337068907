import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { optionTexts } from "../../scripts/docs/option_texts.ts";
import { optionsPage } from "../../scripts/docs/options.ts";
import { parseConfig } from "../../src/config/config.ts";
import { flagName, optionKeys, optionOf } from "../../src/config/options.ts";
import { projectRoot } from "../support/program/runtime.ts";

test("docs/reference/options.md equals the output of scripts/docs/options.ts", () => {
  const page = readFileSync(join(projectRoot, "docs/reference/options.md"), "utf8");
  assert.equal(page, optionsPage(), "run: bun scripts/docs/options.ts > docs/reference/options.md");
});

test("each option has a text in scripts/docs/option_texts.ts, and each text has an option", () => {
  assert.deepEqual(Object.keys(optionTexts).sort(), [...optionKeys].sort());
});

/** The flags of a command line, as the program's own reading of it hands them on. */
function flagsOf(line: string): Record<string, string | string[] | true> {
  const flags: Record<string, string | string[] | true> = {};
  const words = line.split(" ");
  while (words.length > 0) {
    const flag = words.shift()!, key = optionKeys.find((key) => flagName(key) === flag);
    assert.ok(key, `${flag} is not a flag`);
    if (optionOf(key).arg === undefined) flags[key] = true;
    else if (optionOf(key).many) flags[key] = [...(flags[key] as string[] ?? []), words.shift()!];
    else flags[key] = words.shift()!;
  }
  return flags;
}

for (const key of optionKeys) {
  test(`the example of ${flagName(key)} has that flag, and is valid`, () => {
    const flags = flagsOf(optionTexts[key].example);
    assert.ok(key in flags);
    parseConfig(flags);
  });
}
