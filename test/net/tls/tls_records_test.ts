import assert from "node:assert/strict";
import { test } from "node:test";
import { TlsRecords } from "../../../src/net/tls/tls_records.ts";

/** A record of that type with so many octets. */
const record = (type: number, size: number) => [type, 3, 3, size >> 8, size & 0xff, ...Array<number>(size).fill(0x2a)];
const HANDSHAKE = 22, DATA = 23, ALERT = 21;

const rows: readonly (readonly [string, readonly number[], boolean])[] = [
  ["no bytes", [], false],
  ["half a header", record(DATA, 300).slice(0, 3), false],
  ["a header", record(DATA, 300).slice(0, 5), false],
  ["a record without its last byte", record(DATA, 300).slice(0, -1), false],
  ["a record of data", record(DATA, 300), false],
  ["TLS 1.2 with a final alert", [...record(HANDSHAKE, 70), ...record(DATA, 300), ...record(ALERT, 26)], true],
  ["TLS 1.3 with a final alert", [...record(DATA, 300), ...record(DATA, 19)], true],
  ["a truncated alert", [...record(DATA, 300), ...record(DATA, 19).slice(0, -1)], false],
  ["an empty record", record(DATA, 0), false],
  ["data after an alert", [...record(ALERT, 2), ...record(DATA, 300)], false],
];

for (const [what, octets, farewell] of rows) {
  test(`TlsRecords ${farewell ? "finds" : "does not find"} the end of TLS in ${what}, split at any point`, () => {
    for (const size of [1, 2, 7, 100, 10_000]) {
      const records = new TlsRecords();
      for (let at = 0; at < octets.length; at += size) records.take(Uint8Array.from(octets.slice(at, at + size)));
      assert.equal(records.farewell, farewell, `pieces of ${size}`);
    }
  });
}
