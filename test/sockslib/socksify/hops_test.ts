import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHops } from "../../../src/sockslib/socksify/hops.ts";

const text = (octets: Uint8Array | undefined) => new TextDecoder().decode(octets);

test("one gateway, with a port or without, by name or by address of either family", () => {
  assert.deepEqual(parseHops("socks5://192.0.2.1"), [{ address: { type: 1, host: "192.0.2.1", port: 1080 } }]);
  assert.deepEqual(parseHops("socks5h://[2001:DB8::1]:9/"), [{ address: { type: 4, host: "2001:db8::1", port: 9 } }]);
  assert.deepEqual(parseHops("SOCKS5://gw.test:1"), [{ address: { type: 3, host: "gw.test", port: 1 } }]);
});

test("several, the nearest first, each with credentials of its own, percent-encoded", () => {
  const hops = parseHops("socks5://ann:p%40%3a%2c@gw.test , socks5://[::1]:2");
  assert.equal(hops.length, 2);
  assert.deepEqual([text(hops[0].credentials?.username), text(hops[0].credentials?.password)], ["ann", "p@:,"]);
  assert.equal(hops[1]!.credentials, undefined);
});

test("what is wrong is told by the hop's number, without its credentials", () => {
  const wrong = [
    "gw.test",
    "http://ann:secret@gw.test",
    "socks5://ann:secret@",
    "socks5://ann@gw.test",
    "socks5://ann:secret:more@gw.test",
    "socks5://:secret@gw.test",
    "socks5://ann:secret%zz@gw.test",
    `socks5://ann:${"secret".repeat(50)}@gw.test`,
    "socks5://gw.test:0",
    "socks5://gw.test:65536",
    "socks5://[gw.test]",
    "socks5://127.1",
    "socks5://gw.test/path",
  ];
  for (const via of wrong) {
    assert.throws(() => parseHops(`socks5://ok.test,${via}`), /^SyntaxError: hop 2 (?!.*secret)/, via);
  }
  for (const via of ["", " , "]) assert.throws(() => parseHops(via), /no gateway is named/);
});
