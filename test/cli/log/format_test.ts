import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogRecord } from "@logtape/logtape";
import fc from "fast-check";
import { destinationOf, lineFormat, textLine } from "../../../src/cli/log/format.ts";
import { logFormats } from "../../../src/config/options.ts";
import { fstatSync } from "node:fs";

const nowhere = { terminal: false, journal: false }, terminal = { terminal: true, journal: false };

function record(properties: Record<string, unknown>, level: LogRecord["level"] = "info"): LogRecord {
  const message = ["session"];
  return { category: ["gate46"], level, message, rawMessage: "session", timestamp: 1_700_000_000_000, properties };
}

describe("A log line", () => {
  const said = record({ user: "ann", up: 5, detail: 'a "b"' }, "warning");

  test("is plain text by default", () => {
    assert.equal(
      lineFormat("auto", nowhere, {})(said),
      '2023-11-14T22:13:20.000Z warning session user=ann up=5 detail="a \\"b\\""\n',
    );
  });

  test("has a priority for the journal and syslog, which add the time", () => {
    const line = '<4>session user=ann up=5 detail="a \\"b\\""\n';
    assert.equal(lineFormat("syslog", terminal, {})(said), line);
    assert.equal(lineFormat("auto", { terminal: false, journal: true }, {})(said), line);
    const [error, debug] = (["error", "debug"] as const).map((level) =>
      lineFormat("syslog", nowhere, {})(record({}, level))
    );
    assert.deepEqual([error, debug], ["<3>session\n", "<7>session\n"]);
  });

  test("is JSON with --log-format json", () => {
    const { "@timestamp": at, level, message, user, up, detail } = JSON.parse(lineFormat("json", nowhere, {})(said));
    assert.deepEqual([at, level, message, user, up, detail], [
      "2023-11-14T22:13:20.000Z",
      "WARN",
      "session",
      "ann",
      5,
      'a "b"',
    ]);
  });

  test("is the same if its fields are added one by one, for any content", () => {
    for (const form of ["text", "syslog"] as const) {
      const format = lineFormat(form, nowhere, {}), line = textLine(format, "info", "session")!;
      fc.assert(
        fc.property(fc.dictionary(fc.stringMatching(/^x[a-z]+$/), fc.string({ unit: "binary" })), (properties) => {
          line.begin();
          for (const key in properties) line.said(key, properties[key]!);
          line.known("up", 5);
          const timeless = (text: string) => text.replace(/^\d\S+Z /, "");
          assert.equal(timeless(line.end()), timeless(format(record({ ...properties, up: 5 }))));
        }),
      );
    }
    for (const form of ["json", "auto"] as const) {
      assert.equal(textLine(lineFormat(form, terminal, {}), "info", "x"), undefined);
    }
  });

  for (
    const [what, to, environment, coloured] of [
      ["a terminal", terminal, {}, true],
      ["anything else", nowhere, {}, false],
      ["a terminal with NO_COLOR", terminal, { NO_COLOR: "1" }, false],
      ["a terminal with an empty NO_COLOR", terminal, { NO_COLOR: "" }, true],
      ["a terminal that is dumb", terminal, { TERM: "dumb" }, false],
      ["anything else with FORCE_COLOR", nowhere, { FORCE_COLOR: "1" }, true],
      ["a terminal with FORCE_COLOR=0", terminal, { FORCE_COLOR: "0" }, false],
      ["a terminal with both variables", terminal, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
    ] as const
  ) {
    test(`has ${coloured ? "colours" : "no colours"} on ${what}`, () => {
      assert.equal(lineFormat("text", to, environment)(said).includes("\x1b["), coloured);
      assert.ok(!lineFormat("json", to, environment)(said).includes("\x1b["));
    });
  }
});

test("Only the stream in JOURNAL_STREAM counts as the journal", () => {
  const { dev, ino } = fstatSync(2);
  assert.equal(destinationOf(2, { JOURNAL_STREAM: `${dev}:${ino}` }).journal, true);
  assert.equal(destinationOf(2, { JOURNAL_STREAM: `${dev}:${ino + 1}` }).journal, false);
  assert.equal(destinationOf(2, {}).journal, false);
});

describe("Client input", () => {
  const hostile = [
    "a\nerror fault",
    "a\r\nb",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "\x7f",
    "a\u2028b",
    "a\u2029b",
    "a\u0085b",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\ufeff",
    '" end=end user="root',
    "a=b end=end",
    "\ud800",
  ];
  for (const format of logFormats) {
    test(`cannot forge a line or send control characters to a terminal with --log-format ${format}`, () => {
      const lineOf = lineFormat(format, nowhere, {});
      const check = (text: string) => {
        const line = lineOf(record({ user: text, up: 1 }));
        assert.equal(line.at(-1), "\n");
        assert.doesNotMatch(line.slice(0, -1), /[\p{C}\p{Zl}\p{Zp}]/u);
        if (format === "json") {
          if (text.isWellFormed()) assert.equal(JSON.parse(line).user, text);
        } else assert.match(line, /^\S+ ?.*session user=(?:[\w.:/[\]+-]+|"(?:[^"\\]|\\.)*") up=1\n$/);
      };
      hostile.forEach(check);
      fc.assert(fc.property(fc.string({ unit: "binary" }), check));
    });
  }

  test("cannot add escape sequences to a coloured line", () => {
    const line = lineFormat("text", terminal, {})(record({ user: "\x1b[2J" }));
    assert.ok(!line.includes("\x1b[2J") && line.includes("\\u001b[2J"));
  });
});
