import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { offeredMethods } from "../../../../src/gateway/entrance/methods.ts";
import type { Authenticator } from "../../../../src/gateway/entrance/methods.ts";
import { Command, Method } from "../../../../src/protocol/codes.ts";
import { GssMessageType } from "../../../../src/protocol/gssapi.ts";
import type { Peer } from "../../../support/memory/peer.ts";
import { PlainAcceptor, PlainContext } from "../../../support/memory/plain_gss.ts";
import { request, SERVER4, type World, worldTest } from "../../../support/memory/world.ts";
import { bytes, hex, joined } from "../../../support/wire/bytes.ts";

const destination = { host: SERVER4, port: 80 };
const authenticator: Authenticator = { verify: () => Promise.resolve({ good: true }) };

function message(type: number, token: Uint8Array | string): Uint8Array {
  const octets = typeof token === "string" ? bytes(token) : token;
  return joined(Uint8Array.of(1, type, octets.length >> 8, octets.length & 255), octets);
}

/** The client's side of a context. */
class Client {
  readonly peer: Peer;
  readonly context = new PlainContext();

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** What it hears for its name and, where it gets that far, for the level that it asks for. */
  static async of(world: World, name = "'alice@A'", level: number | Uint8Array = 1): Promise<[Client, string]> {
    const client = new Client(await world.client());
    await client.peer.send("05 01 01");
    assert.equal(client.peer.heard(), "05 01");
    await client.peer.send(message(GssMessageType.Context, name));
    const answer = client.peer.heard();
    if (answer !== hex(message(GssMessageType.Context, "'answer'"))) return [client, answer];
    const asked = typeof level === "number" ? client.context.wrap(Uint8Array.of(level), false, 0) : level;
    await client.peer.send(message(GssMessageType.Protection, asked));
    return [client, client.peer.heard()];
  }

  /** A message of a token. */
  wrapped(octets: Uint8Array, sealed = false): Uint8Array {
    return message(GssMessageType.Data, this.context.wrap(octets, sealed, 0));
  }

  heard(): Uint8Array {
    const [, , high, low, ...rest] = this.peer.heardBytes();
    assert.equal(rest.length, high! * 256 + low!);
    return this.context.unwrap(Uint8Array.from(rest)).bytes;
  }
}

const told = (level: number) => hex(message(2, new PlainContext().wrap(Uint8Array.of(level), false, 0)));

describe("The authentication method", () => {
  test("password comes before GSSAPI by default, and no authentication comes first if it is allowed", () => {
    const { NoAuthentication, Gssapi, UsernamePassword } = Method;
    const both = { password: true, gssapi: true, gssapiFirst: false };
    assert.deepEqual(offeredMethods(both), [UsernamePassword, Gssapi]);
    assert.deepEqual(offeredMethods({ ...both, gssapiFirst: true }), [Gssapi, UsernamePassword]);
    assert.deepEqual(offeredMethods({ ...both, password: false }), [Gssapi]);
    assert.deepEqual(offeredMethods(both, true), [NoAuthentication, UsernamePassword, Gssapi]);
    assert.deepEqual(offeredMethods({ password: false, gssapi: false, gssapiFirst: true }), [NoAuthentication]);
  });

  for (const [first, chosen] of [[false, "05 02"], [true, "05 01"]] as const) {
    const settings = { gssapiFirst: first };
    worldTest(`the greeting of curl, with and without a password, has the answer ${chosen} for methods 00, 01 and 02`, {
      authenticator,
      gssapi: new PlainAcceptor(),
      settings,
    }, async (world) => {
      for (const [offered, answer] of [["05 02 00 01", "05 01"], ["05 03 00 01 02", chosen], ["05 01 00", "05 ff"]]) {
        const client = await world.client();
        await client.send(offered!);
        assert.equal(client.heard(), answer);
        await client.close();
      }
    });
  }

  worldTest("with a keytab, SOCKS4 and HTTP refuse clients without credentials", {
    gssapi: new PlainAcceptor(),
    settings: { socks4: true },
  }, async (world) => {
    const client = await world.client();
    await client.send("04 01 00 50 cb 00 71 50 00");
    assert.match(client.heard(), /^00 5b/);
    const browser = await world.client();
    await browser.send(bytes(`'CONNECT a.test:80 HTTP/1.1' 0d 0a 'Host: a.test:80' 0d 0a 0d 0a`));
    assert.match(browser.heardText(), /^HTTP\/1.1 407/);
    await client.close();
    await browser.close();
  });
});

describe("The protection level", () => {
  for (
    const [least, asked, given] of [
      ["none", 0, 0],
      ["none", 2, 2],
      ["integrity", 0, 1],
      ["integrity", 1, 1],
      ["integrity", 2, 2],
      ["integrity", 3, 2],
      ["confidentiality", 1, 2],
    ] as const
  ) {
    worldTest(`is ${given} if the client requests ${asked} and the minimum is ${least}`, {
      gssapi: new PlainAcceptor(),
      settings: { gssapiProtection: least },
    }, async (world) => {
      const [client, answer] = await Client.of(world, "'alice@A'", asked);
      assert.equal(answer, told(given));
      await client.peer.close();
      const [{ username, method, protection }] = world.records as [typeof world.record];
      assert.deepEqual([username, method], ["alice@A", Method.Gssapi]);
      assert.equal(protection, ["none", "integrity", "confidentiality"][given]);
    });
  }

  worldTest("0 sends data without tokens and closes the context", {
    gssapi: new PlainAcceptor(),
    settings: { gssapiProtection: "none" },
  }, async (world) => {
    const server = await world.serve(destination);
    const [client] = await Client.of(world, "'alice@A'", 0);
    await client.peer.send(joined(request(Command.Connect, destination), bytes("'hi'")));
    assert.match(client.peer.heard(), /^05 00 00 01/);
    assert.equal(server.peer.heardText(), "hi");
    assert.ok((world.context.gssapi as PlainAcceptor).contexts.every(({ closed }) => closed));
    await client.peer.close();
    server.close();
  });
});

describe("The gateway refuses with 01 ff", () => {
  const refusals:
    readonly (readonly [string, string, number | Uint8Array | undefined, RegExp, Partial<PlainContext>?])[] = [
      ["a ticket that the library refuses", "'no'", undefined, /no such ticket/],
      ["an empty token", "", undefined, /an empty token/],
      ["an unknown protection level", "'alice@A'", 4, /a level of protection that there is not/],
      ["an unprotected protection level", "'alice@A'", Uint8Array.of(1), /--gssapi-nec/],
      ["an invalid token", "'alice@A'", bytes("01 02 03"), /not by a key of both sides/],
      ["a context without mutual authentication", "'alice@A'", 1, /not by a key of both sides/, { mutual: false }],
      ["more rounds than the context needs", "'alice@A'", undefined, /type 2 where one of type 1/, { rounds: 5 }],
    ];
  for (const [what, name, level, why, made] of refusals) {
    worldTest(what, { gssapi: new PlainAcceptor(made) }, async (world) => {
      const [client, answer] = await Client.of(world, name, level);
      assert.equal(answer, "01 ff");
      await client.peer.close();
      const { end, detail, method } = world.record;
      assert.deepEqual([end, method], ["authentication-failed", Method.Gssapi]);
      assert.match(detail!, why);
      assert.ok((world.context.gssapi as PlainAcceptor).contexts.every(({ closed }) => closed));
    });
  }

  worldTest("too many context tokens", { gssapi: new PlainAcceptor({ rounds: 9 }) }, async (world) => {
    const client = await world.client();
    await client.send("05 01 01");
    for (let round = 0; round < 5; round++) await client.send(message(1, "'alice@A'"));
    assert.match(client.heard(), / 01 ff$/);
    await client.close();
    assert.match(world.record.detail!, /no context within 4 tokens/);
  });

  worldTest("a protection level under the client's key only, because an attacker could replay it", {
    gssapi: new PlainAcceptor(),
  }, async (world) => {
    const recorded = Object.assign(new PlainContext(), { byAcceptorKey: false });
    const [client, answer] = await Client.of(world, "'alice@A'", recorded.wrap(Uint8Array.of(1), false, 0));
    assert.equal(answer, "01 ff");
    await client.peer.close();
  });

  worldTest("a principal without a local name if the configuration needs local names", {
    gssapi: new PlainAcceptor(),
    settings: { gssapiUser: "local" },
  }, async (world) => {
    const [bob, answer] = await Client.of(world, "'bob@A'");
    assert.equal(answer, `${hex(message(1, "'answer'"))} 01 ff`);
    const [alice] = await Client.of(world, "'alice@A'");
    await bob.peer.close();
    await alice.peer.close();
    assert.deepEqual(world.records.map(({ username }) => username), [undefined, "alice"]);
  });
});

worldTest("--gssapi-nec accepts the NEC variant: the protection level and its answer are not wrapped", {
  gssapi: new PlainAcceptor(),
  settings: { gssapiNec: true, gssapiProtection: "none" },
}, async (world) => {
  const server = await world.serve(destination);
  const [client, answer] = await Client.of(world, "'alice@A'", Uint8Array.of(2));
  assert.equal(answer, hex(message(2, "02")));
  client.context.sequence = 7;
  await client.peer.send(client.wrapped(request(Command.Connect, destination), true));
  assert.match(hex(client.heard()), /^05 00/);
  await client.peer.close();
  server.close();
});

describe("GSSAPI tokens after the negotiation", () => {
  const connected = async (world: World, level: number) => {
    const server = await world.serve(destination);
    const [client] = await Client.of(world, "'alice@A'", level);
    await client.peer.send(
      client.wrapped(joined(request(Command.Connect, destination), bytes("'early'")), level === 2),
    );
    assert.match(hex(client.heard()), /^05 00/);
    assert.equal(server.peer.heardText(), "early");
    server.close();
    return { client, server: server.peer };
  };

  for (const level of [1, 2]) {
    worldTest(`carry request and data in any segments in both directions at level ${level}`, {
      gssapi: new PlainAcceptor(),
    }, async (world) => {
      const { client, server } = await connected(world, level);
      const both = joined(client.wrapped(bytes("'ab'"), level === 2), client.wrapped(bytes("'cd'"), level === 2));
      for (const octet of both) await client.peer.send(Uint8Array.of(octet));
      assert.equal(server.heardText(), "abcd");
      await server.send("'back'");
      assert.equal(new TextDecoder().decode(client.heard()), "back");
      await server.send(new Uint8Array(70_000).fill(7));
      const first = client.peer.heardBytes();
      assert.equal(first[2]! * 256 + first[3]!, 65_535, "more than a token takes goes in several");
      await client.peer.finish();
      assert.equal(server.ended, "end");
      await server.finish();
      assert.ok((world.context.gssapi as PlainAcceptor).contexts.every(({ closed }) => closed));
    });
  }

  for (
    const [what, spoil] of [
      ["again", (client: Client) => {
        const once = client.wrapped(bytes("'x'"), true);
        return joined(once, once);
      }],
      ["out of turn", (client: Client) => {
        client.wrapped(bytes("'lost'"), true);
        return client.wrapped(bytes("'x'"), true);
      }],
      ["in the clear, though confidentiality was agreed on", (client: Client) => client.wrapped(bytes("'x'"))],
      ["by another key", (client: Client) => {
        client.context.byAcceptorKey = false;
        return client.wrapped(bytes("'x'"), true);
      }],
      ["of another kind", () => bytes("01 03 00 02 'ab'")],
      ["of a context", () => message(1, "'alice@A'")],
      ["without a valid header", () => bytes("05 01 00 01")],
    ] as const
  ) {
    worldTest(`end the session if a token comes ${what}`, { gssapi: new PlainAcceptor() }, async (world) => {
      const { client, server } = await connected(world, 2);
      await client.peer.send(spoil(client));
      assert.notEqual(server.ended, "no");
      assert.ok(!/x.*x/.test(server.heardText()));
      assert.equal(world.record.end, "error");
    });
  }

  worldTest("are required: a plaintext request ends the session", { gssapi: new PlainAcceptor() }, async (world) => {
    const [client] = await Client.of(world, "'alice@A'", 1);
    await client.peer.send(request(Command.Connect, destination));
    assert.equal(client.peer.heard(), "");
    assert.notEqual(client.peer.ended, "no");
    assert.match(world.record.detail!, /VER 5, not 1/);
  });

  worldTest("end the session if the stream stops inside a token", { gssapi: new PlainAcceptor() }, async (world) => {
    const { client, server } = await connected(world, 1);
    await client.peer.send(client.wrapped(bytes("'whole'")).subarray(0, 9));
    await client.peer.finish();
    assert.equal(server.ended, "reset");
  });
});
