import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { enctypeName, parseKeytab, readKeytab } from "../../../src/cli/files/keytab.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { bytes, joined } from "../../support/wire/bytes.ts";

/** As MIT's kadmin writes them: the length, and then the principal, its kind, the time, the number in short, the key, the number. */
function entry(service: string, kvno: number, enctype: number): Uint8Array {
  const body = joined(
    bytes(`00 02 00 01 'A' 00 0${service.length} '${service}' 00 02 'gw' 00 00 00 01 65 00 00 00`),
    Uint8Array.of(kvno & 255, 0, enctype, 0, 4, 1, 2, 3, 4, 0, 0, kvno >> 8, kvno & 255),
  );
  return joined(Uint8Array.of(0, 0, 0, body.length), body);
}

const head = bytes("05 02"), removed = bytes("ff ff ff fc 00 00 00 00");
const keytab = joined(head, entry("rcmd", 2, 18), removed, entry("rcmd", 300, 17), entry("HTTP", 1, 23));

const folder = temporaryFolder("keytab");
function file(content: Uint8Array): string {
  const path = join(folder, "keytab");
  writeFileSync(path, content);
  return path;
}

describe("A keytab", () => {
  test("lists principals, key version numbers and encryption types, without deleted entries", () => {
    assert.deepEqual(parseKeytab(keytab, "keytab"), [
      { principal: "rcmd/gw@A", kvno: 2, enctype: 18 },
      { principal: "rcmd/gw@A", kvno: 300, enctype: 17 },
      { principal: "HTTP/gw@A", kvno: 1, enctype: 23 },
    ]);
    assert.deepEqual([18, 99].map(enctypeName), ["aes256-cts-hmac-sha1-96", "enctype 99"]);
  });

  test("is read for one service, for one service on one host, or for all", async () => {
    const path = file(keytab);
    assert.equal((await readKeytab(path)).length, 3);
    assert.equal((await readKeytab(path, "rcmd")).length, 2);
    assert.equal((await readKeytab(path, "rcmd@gw")).length, 2);
    await assert.rejects(
      readKeytab(path, "rcmd@other"),
      /no key of the service rcmd@other in it, only of rcmd\/gw@A, HTTP/,
    );
  });

  for (
    const [what, content, service, state] of [
      ["nothing", new Uint8Array(0), undefined, /not a keytab/],
      ["another format", bytes("'-----BEGIN'"), undefined, /not a keytab/],
      ["no key", joined(head, removed), undefined, /no key in it/],
      ["half a key", keytab.subarray(0, 30), undefined, /keytab is incomplete/],
      ["RC4 keys only", keytab, "HTTP", /only of arcfour-hmac; keys of AES are wanted/],
    ] as const
  ) {
    test(`with ${what} is an error`, async () => {
      await assert.rejects(readKeytab(file(content), service), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, state);
        return true;
      });
    });
  }

  test("with any content gives keys or a ConfigError", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(keytab.length), (octets, at) => {
      for (const content of [joined(head, octets), joined(keytab.subarray(0, at), octets)]) {
        try {
          parseKeytab(content, "keytab");
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
        }
      }
    }));
  });
});
