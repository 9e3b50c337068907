import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { methodsAt } from "../../../src/gateway/entrance/access.ts";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import type { Access } from "../../../src/gateway/settings.ts";
import { Method } from "../../../src/protocol/codes.ts";
import { usernameText } from "../../../src/protocol/negotiation.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { Peer } from "../../support/memory/peer.ts";
import { bytes, joined } from "../../support/wire/bytes.ts";
import { CLIENT4, CLIENT6, GATEWAY4, GATEWAY6, type World, worldTest } from "../../support/memory/world.ts";

const authenticator: Authenticator = {
  verify: (credentials) => Promise.resolve({ good: usernameText(credentials) === "alice" }),
};

type Entry = Omit<Access, "name" | "from"> & { readonly from?: string };
const access = (...all: readonly Entry[]): readonly Access[] =>
  all.map(({ from, ...rest }, i) => ({ ...rest, name: `access[${i}]`, ...from && { from: [parsePrefix(from)!] } }));

/** What a client of that family that comes to that port is answered. */
async function answer(world: World, sent: string, family: 4 | 6 = 4, port = 1080): Promise<string> {
  const gateway = { host: family === 4 ? GATEWAY4 : GATEWAY6, port };
  const client = new Peer(await world.clients[family].connect(gateway));
  await client.send(sent);
  const heard = client.heard();
  await client.close();
  return heard;
}

const BAD = "01 03 'bob' 02 'pw'", GOOD = "01 05 'alice' 02 'pw'";

describe("An access entry without a password for a client prefix", () => {
  const settings = { socks4: true, access: access({ from: `${CLIENT4}/32`, auth: "none" }) };

  worldTest(
    "accepts its clients without a password, and checks a password that a client sends",
    { authenticator, settings },
    async (world) => {
      assert.equal(await answer(world, "05 01 00"), "05 00");
      assert.equal(await answer(world, "05 02 00 02"), "05 00", "a program that offers both may have no password");
      assert.equal(await answer(world, `05 01 02 ${GOOD}`), "05 02 01 00");
      assert.equal(await answer(world, `05 01 02 ${BAD}`), "05 02 01 01");
      assert.deepEqual(world.records.map(({ username }) => username), [undefined, undefined, "alice", "bob"]);
    },
  );

  worldTest("asks other clients for a password", { authenticator, settings }, async (world) => {
    assert.equal(await answer(world, "05 01 00", 6), "05 ff");
    assert.equal(await answer(world, "05 02 00 02", 6), "05 02");
  });

  worldTest("serves SOCKS4 to its clients only", { authenticator, settings }, async (world) => {
    const request = "04 01 00 50 cb 00 71 50 00";
    await answer(world, request);
    await answer(world, request, 6);
    assert.deepEqual(world.records.map(({ detail }) => /passwords/.test(detail ?? "")), [false, true]);
  });

  worldTest("applies to the client address in the PROXY header", {
    authenticator,
    settings: { ...settings, proxies: [parsePrefix(`${CLIENT4}/32`)!] },
  }, async (world) => {
    const client = await world.client();
    await client.send(joined(bytes("'PROXY TCP4 203.0.113.9 192.0.2.1 4000 1080' 0d 0a"), bytes("05 01 00")));
    assert.equal(client.heard(), "05 ff");
    await client.close();
  });
});

worldTest("An access entry may allow a listener without a password, and the first matching entry counts", {
  authenticator,
  settings: {
    access: access(
      { from: `${CLIENT6}/128`, auth: "password" },
      { listeners: [`${GATEWAY4}:1081`, `[${GATEWAY6}]:1081`], auth: "none" },
    ),
  },
}, async (world) => {
  for (const host of [GATEWAY4, GATEWAY6]) await world.gateway.listen({ host, port: 1081 });
  assert.equal(await answer(world, "05 01 00", 4, 1081), "05 00");
  assert.equal(await answer(world, "05 01 00", 4, 1080), "05 ff");
  assert.equal(await answer(world, "05 01 00", 6, 1081), "05 ff");
  const told = world.events.flatMap((event) => event.type === "listening" ? [event.methods] : []);
  const asked = [Method.UsernamePassword], either = [Method.NoAuthentication, Method.UsernamePassword];
  assert.deepEqual(told, [asked, asked, either, either]);
});

const there = { listener: "unix:/run/x", only: undefined };

test("methodsAt() lists the methods that the listener offers to any of its clients", () => {
  const without = [Method.NoAuthentication, Method.UsernamePassword], asked = [Method.UsernamePassword];
  const byPassword = { password: true, gssapi: false, gssapiFirst: false };
  const at = (...all: readonly Entry[]) => methodsAt(access(...all), there, byPassword);
  assert.deepEqual(at(), asked);
  assert.deepEqual(at({ auth: "none" }), without);
  assert.deepEqual(at({ listeners: ["unix:/run/y"], auth: "none" }), asked);
  assert.deepEqual(at({ auth: "password" }, { auth: "none" }), asked);
  assert.deepEqual(at({ from: "10.0.0.0/8", auth: "password" }, { auth: "none" }), without);
  assert.deepEqual(methodsAt(access({ auth: "none" }), there, { ...byPassword, password: false }), [
    Method.NoAuthentication,
  ]);
});
