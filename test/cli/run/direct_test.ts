import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDirect } from "../../../src/cli/run/direct.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { ipAddress } from "../../../src/protocol/address.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";

const via = ["socks5://192.0.2.1:1080"];

/** By which gateways it goes, with `--via` behind `--direct`. */
function way(texts: readonly string[], host: string): readonly string[] | undefined {
  const rules = [...parseDirect(texts).rules, { name: "--via", action: "allow", via } as const];
  const ruleset = new Ruleset({ rules, allow: [], ownListeners: () => [], localAddrs: () => [] });
  const judge = ruleset.judgeFor({ client: { host: "10.46.46.46", port: 1 }, command: Command.Connect });
  const address = ipAddress(host, 80);
  return (address ? judge.address(address) : judge.name(host, 80))?.via;
}

describe("gate46 run --direct", () => {
  test("names with their subdomains, addresses and prefixes go directly, everything else does not", () => {
    const texts = ["corp.test, .lan.test", "*.home.test 10.0.0.0/8", "[2001:db8::]/32"];
    for (const host of ["corp.test", "a.b.corp.test", "x.lan.test", "home.test", "10.1.2.3", "2001:db8::1"]) {
      assert.equal(way(texts, host), undefined, host);
    }
    for (const host of ["corp.test.example", "xcorp.test", "11.0.0.1", "2001:db9::1"]) {
      assert.deepEqual(way(texts, host), via, host);
    }
  });

  test("* matches every destination", () => {
    for (const host of ["any.test", "192.0.2.7", "2001:db8::1"]) assert.equal(way(["*"], host), undefined, host);
  });

  test("only direct names are resolved locally", () => {
    const { has } = parseDirect(["corp.test,10.0.0.0/8"]);
    assert.deepEqual(["corp.test", "a.corp.test", "other.test"].map(has), [true, true, false]);
    assert.equal(parseDirect([]).has("corp.test"), false);
  });

  test("any other value is refused", () => {
    for (const bad of ["1.2.3", "a b:80", "10.0.0.0/33", "a/b"]) {
      assert.throws(() => parseDirect([bad]), /^ConfigError: Cannot parse --direct: '.*' is not a name/, bad);
    }
  });
});
