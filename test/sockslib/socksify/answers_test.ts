import assert from "node:assert/strict";
import { test } from "node:test";
import { NetError } from "../../../src/net/error.ts";
import { Answers } from "../../../src/sockslib/socksify/answers.ts";
import { Destinations } from "../../../src/sockslib/socksify/routing.ts";
import { Exclusions } from "../../../src/sockslib/socksify/exclusions.ts";
import { FakeAddresses } from "../../../src/sockslib/fake/fake_addresses.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

function world(exists: (name: string) => boolean = () => true) {
  const names = new FakeAddresses({ clock: new TestClock() });
  const destinations = new Destinations(new Exclusions("excluded.test"), names, { host: "gw.test", port: 1080 });
  const asked: string[] = [];
  const answers = new Answers(destinations, names, (name) => {
    asked.push(name);
    return Promise.resolve(exists(name));
  });
  return { answers, asked };
}

test("a name resolves to an address of each family, and each address back to the name", async () => {
  const { answers } = world();
  const pair = await answers.addresses("V6.test");
  assert.ok(pair);
  assert.deepEqual(await answers.addresses("v6.TEST."), pair);
  assert.deepEqual([answers.name(pair.ipv4), answers.name(pair.ipv6)], ["v6.test", "v6.test"]);
  assert.equal(answers.name("fd46:0198:0018:0000:0000:0000:0000:0001"), "v6.test");
  assert.equal(answers.pointer(`${pair.ipv4.split(".").reverse().join(".")}.in-addr.arpa`), "v6.test");
  assert.equal(answers.name("192.0.2.1"), undefined);
});

test("an internationalised name is queried in its DNS form (RFC 5891)", async () => {
  const { answers, asked } = world();
  await answers.addresses("bücher.test");
  assert.deepEqual(asked, ["xn--bcher-kva.test"]);
});

test("literals, excluded names, localhost and the gateway's own name are resolved by the host", () => {
  const { answers, asked } = world();
  for (const host of ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "a.excluded.test", "localhost", "GW.test", ""]) {
    assert.equal(answers.addresses(host), undefined, host);
  }
  assert.deepEqual(asked, []);
});

test("a name unknown to the gateway, or an invalid name, is not found", async () => {
  const { answers } = world(() => false);
  for (const host of ["nope.test", "a b", "127.1", `${"a.".repeat(127)}test`]) {
    await assert.rejects(
      answers.addresses(host)!,
      (error) => error instanceof NetError && error.kind === "no-such-name",
      host,
    );
  }
});
