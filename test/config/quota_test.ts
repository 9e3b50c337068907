import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { readFile } from "../../src/config/file/config_file.ts";
import { parseQuotaPeriod, parseQuotaSize, quotaTexts } from "../../src/config/values/quota_value.ts";

const file = (keys: string, quotaFile = `quota_file = "quotas.json"`) =>
  readFile(
    `${quotaFile}\n[[users]]\nname = "ann"\npassword = "pw"\n${keys}`,
    "gate46.toml",
    (path) => `/etc/gate46/${path}`,
  );

test("quota sizes and periods are parsed with units, and printed in a form that parses again", () => {
  assert.deepEqual(["50G", "500M", "1.5T", "2k", "7"].map(parseQuotaSize), [50e9, 500e6, 1.5e12, 2e3, 7]);
  assert.deepEqual(["day", "month", "7d", "12h", "90m", "30s"].map(parseQuotaPeriod), [
    ...["day", "month"],
    ...[7 * 86_400_000, 12 * 3_600_000, 90 * 60_000, 30_000],
  ]);
  for (const period of ["day", "month", "7d", "36h", "90s"]) {
    const texts = quotaTexts({ bytes: 5e10, period: parseQuotaPeriod(period) });
    assert.deepEqual(texts, ["quota = 50000000000", `quota_period = "${period}"`]);
  }
});

test("a quota belongs to its user, is monthly by default, and its file path is relative to the configuration", () => {
  const read = (keys: string) => readConfig({ file: file(keys) }).config;
  assert.deepEqual([...read(`quota = "50G"`).gateway.userQuotas], [["ann", { bytes: 50e9, period: "month" }]]);
  assert.deepEqual([...read(`quota = 7\nquota_period = "7d"`).gateway.userQuotas], [["ann", {
    bytes: 7,
    period: 604_800_000,
  }]]);
  assert.equal(read(`quota = "50G"`).quotaFile, "/etc/gate46/quotas.json");
  assert.equal(read("").gateway.userQuotas.size, 0);
});

test("an error in a quota names the line", () => {
  const rows = [
    [`quota = "50X"`, "line 5: users[0].quota: '50X' is not a size (write 500M, 50G or 2T)"],
    [`quota = 0`, "line 5: users[0].quota: '0' is not a size (write 500M, 50G or 2T)"],
    [
      `quota = "1G"\nquota_period = "week"`,
      "line 6: users[0].quota_period: 'week' is not a period (write day, month, or a time as 7d or 12h)",
    ],
    [`quota_period = "day"`, "line 2: users[0]: has a quota_period, and no quota"],
  ] as const;
  for (const [keys, problem] of rows) {
    const { problems } = file(keys);
    assert.equal(problems.length, 1);
    assert.ok(problems[0]!.startsWith("Cannot parse gate46.toml "), problems[0]);
    assert.equal(problems[0]!.replace("Cannot parse gate46.toml ", ""), problem);
  }
  assert.throws(
    () => readConfig({ file: file(`quota = "1G"`, "") }),
    (error) =>
      error instanceof ConfigError &&
      error.message === "Cannot use the quota of user 'ann': say where the count is kept (--quota-file)",
  );
});
