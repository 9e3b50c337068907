import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Block, blocks, documents } from "../support/docs/markdown.ts";
import { goldenCases } from "../support/docs/golden.ts";
import { Lab } from "../support/docs/lab.ts";
import { whyNot } from "../support/network/namespaces.ts";
import { command } from "../support/program/command.ts";
import { shell } from "../support/program/program.ts";
import { skipped } from "../support/program/skipped.ts";

/**
 * What documents say is done as they say it. A comment before a block says what the block is:
 *
 *     file: NAME            the content of that file, which blocks behind it find
 *     file: NAME, check     the same, and gate46 check takes it
 *     golden: NAME          the first of the files that test/config/golden/NAME holds
 *     run [on HOST]         a script; on a host of test/support/docs/lab.ts, or here
 *     start [on HOST]       a script that goes on running; "ready: TEXT" is what its output says then
 *     expect: TEXT          is in the output of the script
 *     fails                 the script ends with another exit code than 0
 *     needs: PROGRAM        without it, what stands behind this in the document is left out
 *     server: web, ftp      on both servers' hosts
 *     anew                  a new folder, and a new network
 */
async function follow(all: readonly Block[]): Promise<void> {
  let lab = new Lab();
  try {
    for (const { code, marks, line } of all) {
      const value = (name: string) =>
        marks.filter((mark) => mark.startsWith(`${name}: `)).map((mark) => mark.slice(name.length + 2));
      const host = (verb: string) =>
        marks.map((mark) => new RegExp(`^${verb}(?: on (\\w+))?$`).exec(mark)).find(Boolean);
      if (marks.includes("anew")) {
        lab.end();
        lab = new Lab();
      }
      for (const file of value("file")) {
        const [name, check] = file.split(", ");
        lab.write(name!, code);
        if (!check) continue;
        const { code: exit, stdout, stderr } = await command(["check", "--elsewhere", join(lab.folder, name!)]);
        assert.equal(exit, 0, `line ${line}: ${stdout}${stderr}`);
      }
      for (const name of value("golden")) {
        assert.equal(
          code.trimEnd(),
          goldenCases(name)[0]!.toml,
          `line ${line}: another text than in test/config/golden/${name}`,
        );
      }
      for (const which of value("server")) await lab.serve(which as "web" | "ftp");
      const start = host("start"), run = host("run");
      if (start) await lab.start(code, start[1] ?? "gw", value("ready")[0] ?? "listening on");
      if (run) {
        const { code: exit, stdout, stderr } = await lab.run(code, run[1]);
        const said = `line ${line}: ${code}\n${stdout}${stderr}`;
        assert.equal(exit === 0, !marks.includes("fails"), said);
        for (const text of value("expect")) assert.ok(`${stdout}${stderr}`.includes(text), `${said}\nwithout ${text}`);
      }
    }
  } finally {
    lab.end();
  }
}

const verbs = /^(file: |run( on \w+)?$|start( on \w+)?$)/;

describe("The command blocks of the documents work", () => {
  for (const { path, text } of documents()) {
    const marked = blocks(text).filter(({ marks }) => marks.some((mark) => verbs.test(mark)));
    if (marked.length === 0) continue;
    const network = marked.some(({ marks }) => marks.some((mark) => / on \w+$|^start/.test(mark)));
    test(path, { skip: skipped(path, network && whyNot()), timeout: 100_000 }, async (t) => {
      const serves = (which: string) => marked.some(({ marks }) => marks.includes(`server: ${which}`));
      const needed = [
        ...marked.flatMap(({ marks }) => marks).flatMap((mark) => mark.startsWith("needs: ") ? [mark.slice(7)] : []),
        ...network ? ["curl"] : [],
        ...serves("web") || serves("ftp") ? ["/usr/bin/python3"] : [],
      ];
      for (const program of needed) {
        const { code } = await shell(["sh", "-c", `command -v ${program}`]);
        if (code !== 0) return t.skip(skipped(path, `${program} is not here`) as string);
      }
      if (serves("ftp") && (await shell(["/usr/bin/python3", "-c", "import pyftpdlib"])).code !== 0) {
        return t.skip(skipped(path, "pyftpdlib is not here") as string);
      }
      await follow(marked);
    });
  }
});
