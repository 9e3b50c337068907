import assert from "node:assert/strict";
import { test } from "node:test";
import * as settings from "../../../src/sockslib/socksify/socksify_settings.ts";

const readSettings = (environment: Readonly<Record<string, string | undefined>>) =>
  settings.readSettings((name) => environment[name]);

test("gateways are separated by commas, the nearest first, and blanks are ignored", () => {
  const { hops, direct } = readSettings({
    GATE46_SOCKSIFY_VIA: " socks5://ann:p%2Cw@gw.test , http://[2001:db8::1]:3128",
    GATE46_SOCKSIFY_DIRECT: ".internal.test",
  });
  assert.deepEqual(hops.map(({ protocol, address: { host, port } }) => [protocol, host, port]), [
    ["socks5", "gw.test", 1080],
    ["http", "2001:db8::1", 3128],
  ]);
  assert.equal(new TextDecoder().decode(hops[0].credentials?.password), "p,w");
  assert.ok(direct.has("db.internal.test"));
});

test("an error names the variable and the gateway's number, and shows no credentials", () => {
  for (
    const [via, expected] of [
      [undefined, /^Error: Cannot socksify: GATE46_SOCKSIFY_VIA: Cannot go through no gateway$/],
      [" , ", /no gateway/],
      ["socks5://ok.test,socks5://ann:secret@", /GATE46_SOCKSIFY_VIA: .*gateway 2: it is not an upstream (?!.*secret)/],
      ["ftp://ann:secret@gw.test", /gateway 1: it is of the scheme 'ftp:'(?!.*secret)/],
    ] as const
  ) {
    assert.throws(() => readSettings({ GATE46_SOCKSIFY_VIA: via }), expected);
  }
  const wrong = { GATE46_SOCKSIFY_VIA: "socks5://gw.test", GATE46_SOCKSIFY_DIRECT: "host:80" };
  assert.throws(() => readSettings(wrong), /^Error: Cannot socksify: GATE46_SOCKSIFY_DIRECT: 'host:80' is not a name/);
});

test("GATE46_VIA is not read in place of GATE46_SOCKSIFY_VIA, and the error mentions it", () => {
  const gateway = { GATE46_VIA: "socks5://ann:secret@gw.test" };
  assert.throws(
    () => readSettings(gateway),
    /^Error: Cannot socksify: GATE46_SOCKSIFY_VIA is not set, and GATE46_VIA is no longer read for it$/,
  );
  const own = { ...gateway, GATE46_SOCKSIFY_VIA: "socks5://own.test" };
  assert.equal(readSettings(own).hops[0].address.host, "own.test");
  assert.throws(() => readSettings({ ...own, GATE46_DIRECT: ".test" }), /GATE46_SOCKSIFY_DIRECT is not set, and/);
});
