import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Metrics } from "../../src/admin/metrics.ts";
import { atOnce } from "../../src/admin/steps.ts";
import { type ProgramFacts, ProgramMetrics } from "../../src/admin/program_metrics.ts";
import { program } from "../../src/cli/program.ts";
import { Reply, replyLabel } from "../../src/protocol/codes.ts";
import { statusOfReply } from "../../src/protocol/http/http_response.ts";
import { column, quoted } from "../support/docs/markdown.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { ready } from "../support/memory/admin_source.ts";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");
const page = (name: string) => read(`docs/reference/${name}.md`);
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

/** Without the parts of a page that are about something else: from one heading to the next. */
const section = (text: string, heading: string) => text.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;

/** The words in quotes of a type in src/events.ts. */
const words = (type: string) =>
  Array.from(
    read("src/events.ts").split(`export type ${type} =`)[1]!.split(";")[0]!.matchAll(/"([\w-]+)"/g),
    ([, word]) => word!,
  );

const facts: ProgramFacts = {
  version: "1.2.3",
  runtime: "bun 1.4.5",
  engine: "linux",
  workers: 1,
  silentWorkers: 0,
  maxSessions: 1,
  health: ready,
  certificates: [],
  lostLogLines: 0,
  figures: {
    startedAtSeconds: 1,
    cpuSeconds: 1,
    residentBytes: 1,
    heapBytes: 1,
    openDescriptors: 1,
    maxDescriptors: 1,
    loopLagSeconds: 1,
  },
};

describe("The reference matches the code", () => {
  test("metrics: names and types, both ways", () => {
    const thread = { worker: 1, busyMs: () => 0, lostLogLines: () => 0 };
    const metrics = [...atOnce(new Metrics(new Set(), thread).look()), ...new ProgramMetrics(() => facts).snapshot()];
    const names = column(page("metrics"), "metric").map((cell) => quoted(cell)[0]!),
      types = column(page("metrics"), "type");
    const pairs = (all: readonly (readonly [string, string])[]) => sorted(all.map((pair) => pair.join(" ")));
    assert.deepEqual(
      pairs(names.map((name, i) => [name, types[i]!])),
      pairs(metrics.map(({ name, type }) => [name, type])),
    );
  });

  test("metrics: each label is in the code", () => {
    const code = read("src/admin/metrics.ts") + read("src/admin/program_metrics.ts");
    const labels = column(page("metrics"), "labels").flatMap(quoted);
    assert.ok(labels.length > 10);
    assert.deepEqual(
      labels.filter((label) =>
        !new RegExp(`labels: \\[[^\\]]*"${label}"|labels: \\{[^}]*\\b${label}\\b|, \\["${label}"\\]`).test(code)
      ),
      [],
    );
  });

  test("log: the fields of a session, both ways", () => {
    const code = Array.from(
      read("src/cli/log/log.ts").matchAll(/fields\.(?:known|said)\(["`](\w+?)(?:\$\{reason\})?["`]/g),
    );
    const written = code.map(([all, name]) => all.includes("${") ? `${name}REASON` : name!);
    assert.deepEqual(
      sorted(column(section(page("log"), "Fields of a session"), "field").flatMap(quoted)),
      sorted(written),
    );
  });

  test("log: ends, reasons for turning clients away and for dropping datagrams, both ways", () => {
    assert.deepEqual(sorted(column(page("log"), "end").flatMap(quoted)), sorted(words("SessionEnd")));
    assert.deepEqual(
      sorted(column(section(page("log"), "Clients turned away"), "reason").flatMap(quoted)),
      sorted(words("TurnedAway")),
    );
    assert.deepEqual(
      sorted(column(section(page("log"), "Dropped datagrams"), "reason").flatMap(quoted)),
      sorted(words("DropReason")),
    );
  });

  test("replies: codes, texts and HTTP statuses, both ways", () => {
    const text = page("replies"), codes = column(text, "reply"), texts = column(text, "text in the log");
    const statuses = column(text, "HTTP proxy");
    assert.deepEqual(
      codes.map((code, i) => `${code} ${texts[i]} ${statuses[i]}`),
      Object.values(Reply).map((reply) => `${replyLabel(reply)} ${statusOfReply(reply)}`),
    );
  });

  test("commands: each one, both ways", () => {
    const text = page("commands"), named = column(text, "command").flatMap(quoted);
    const commands = program(new URL("file:///"), () => {}).commands;
    assert.deepEqual(
      sorted(
        named.map((line) => /^gate46 (?!\[serve)([\w-]+)/.exec(line)?.[1] ?? "serve").filter((name) => name !== "zsh"),
      ),
      sorted([...commands.map((command) => command.name()), "serve"]),
    );
  });

  test("commands: each flag that belongs to one command only", () => {
    const root = program(new URL("file:///"), () => {}), shared = new Set(root.options.map(({ long }) => long));
    const own = root.commands.flatMap(({ options }) =>
      options.map(({ long }) => long!).filter((flag) => !shared.has(flag))
    );
    assert.ok(own.length > 5);
    assert.deepEqual(own.filter((flag) => !new RegExp(`\`(?:[^\`]* )?${flag}\\b`).test(page("commands"))), []);
  });

  test("rules: each key of a table of the file is in the reference", () => {
    const { properties } = JSON.parse(read("scripts/gate46.schema.json")) as {
      properties: Record<string, { items?: { properties?: Record<string, unknown> } }>;
    };
    const told = sorted(
      [...quoted(page("rules")), ...page("chains").matchAll(/^ *(\w+) = /gm)].map((one) =>
        typeof one === "string" ? one : one[1]!
      ),
    );
    const missing = Object.entries(properties).flatMap(([table, { items }]) =>
      Object.keys(items?.properties ?? {}).filter((key) => !told.includes(key)).map((key) => `${table}.${key}`)
    );
    assert.deepEqual(missing, []);
  });
});
