import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { expiryWarnings } from "../../../src/admin/certificates.ts";
import { readTlsFiles } from "../../../src/cli/files/tls_files.ts";
import { parseConfig } from "../../../src/config/config.ts";
import { type Certificates, hasOpenssl, issue } from "../../support/tls/certificates.ts";
import { skipped } from "../../support/program/skipped.ts";

const DAY = 86_400_000;

test(
  "The expiry of a chain is its earliest certificate's, the expiry of authorities is the latest",
  { skip: skipped("tls_files_test.ts", hasOpenssl ? false : "no openssl") },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "gate46-certificates-"));
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const [own, sooner, later] = issue([30, 20, 90].map((days) => ({ names: ["DNS:a.test"], days }))) as [
      Certificates,
      Certificates,
      Certificates,
    ];
    const authorities = file("ca", `${sooner.cert}${later.cert}${own.cert}`);
    const { certificates } = await readTlsFiles(parseConfig({
      listen: ["socks5s://127.0.0.1:0"],
      tlsCert: file("cert", `${own.cert}${later.cert}${sooner.cert}`),
      tlsKey: file("key", own.key),
      tlsClientCa: authorities,
      dns: ["tls://192.0.2.1#dns.test"],
      dnsCa: authorities,
    }));
    const days = (ms: number) => Math.round(ms / DAY);
    const now = Date.now();
    assert.deepEqual(
      certificates.map(({ option, from, until }) => [option, days(from - now) + 0, days(until - now)]),
      [["tls-cert", 0, 20], ["tls-client-ca", 0, 90], ["dns-ca", 0, 90]],
    );
    rmSync(folder, { recursive: true });
  },
);

test("A certificate is reported 14 days before it expires, or in the last quarter of a short lifetime", () => {
  const told = (life: number, left: number) =>
    expiryWarnings([{ option: "via-ca", from: (left - life) * DAY, until: left * DAY }], 0);
  for (const [life, left] of [[90, 14.1], [8, 2.1], [1, 0.3]] as const) assert.deepEqual(told(life, left), []);
  for (const [life, left] of [[90, 14], [8, 2], [1, 0.25]] as const) {
    assert.match(told(life, left).join(), /^Cannot use the certificate of --via-ca for long: it expires at 1970-01-/);
  }
  assert.deepEqual(told(90, 0), [
    "Cannot use the certificate of --via-ca any more: it expired at 1970-01-01T00:00:00.000Z",
  ]);
});
