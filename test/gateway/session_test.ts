import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Credentials } from "../../src/protocol/negotiation.ts";
import { Command } from "../../src/protocol/codes.ts";
import type { Authenticator, Verdict } from "../../src/gateway/entrance/methods.ts";
import type { Cut } from "../../src/net/cut.ts";
import { NetError } from "../../src/net/error.ts";
import { bytes, joined } from "../support/wire/bytes.ts";
import { settle } from "../support/memory/test_clock.ts";
import type { Peer } from "../support/memory/peer.ts";
import { CLIENT4, replyHex, request, SERVER4, SERVER6, World, worldTest } from "../support/memory/world.ts";

const GREETING = "05 01 00";
const SELECTED = "05 00";
const CONNECT = "05 01 00 01 cb 00 71 50 00 50"; // 203.0.113.80:80
const destination = { host: SERVER4, port: 80 };

/** Knows alice with the password 'secret', at once, and counts. */
class OneUser implements Authenticator {
  asked = 0;

  verify({ username, password }: Credentials): Promise<Verdict> {
    this.asked++;
    const text = new TextDecoder();
    return Promise.resolve({ good: text.decode(username) === "alice" && text.decode(password) === "secret" });
  }
}

/** Never comes to anything else. */
function untilCut(cut: Cut): Promise<never> {
  return new Promise((_, reject) => cut.on(() => reject(new NetError("aborted", "Cannot wait: given up"))));
}

const withUsers = () => ({ authenticator: new OneUser() });
const ALICE = "01 05 'alice' 06 'secret'";

describe("A session", () => {
  worldTest("goes from greeting to request to relay", {}, async (world) => {
    const server = await world.serve(destination);
    const client = await world.client();
    await client.send(GREETING);
    assert.equal(client.heard(), SELECTED);
    await client.send(CONNECT);
    assert.equal(client.heard(), replyHex(0, server.peer.socket.remoteAddr));
    await client.send("'ping'");
    assert.equal(server.peer.heardText(), "ping");
    await server.peer.send("'pong'");
    assert.equal(client.heardText(), "pong");
    await client.finish();
    await server.peer.finish();
    server.close();
    assert.equal(client.ended, "end");
    assert.equal(world.record.end, "end");
    assert.equal(world.record.reply, 0);
  });

  worldTest(
    "accepts a handshake with one octet per read (microsocks needs one recv() per message)",
    withUsers(),
    async (world) => {
      const server = await world.serve(destination);
      const client = await world.client();
      for (const octet of joined(bytes("05 02 00 02"), bytes(ALICE), bytes(CONNECT), bytes("'early'"))) {
        await client.send(Uint8Array.of(octet));
      }
      assert.equal(client.heard(), `05 02 01 00 ${replyHex(0, server.peer.socket.remoteAddr)}`);
      assert.equal(server.peer.heardText(), "early");
      server.close();
    },
  );

  worldTest("accepts a whole handshake and early data in one read", withUsers(), async (world) => {
    const server = await world.serve(destination);
    const client = await world.client();
    await client.send(joined(bytes("05 01 02"), bytes(ALICE), bytes(CONNECT), bytes("'early'")));
    assert.equal(client.heard(), `05 02 01 00 ${replyHex(0, server.peer.socket.remoteAddr)}`);
    assert.equal(server.peer.heardText(), "early");
    assert.equal(world.resolver.asked.length, 0);
    server.close();
  });

  worldTest("accepts a greeting with 255 methods and selects a supported one", {}, async (world) => {
    const client = await world.client();
    const methods = Uint8Array.from({ length: 255 }, (_, i) => 254 - i);
    await client.send(joined(bytes("05 ff"), methods));
    assert.equal(client.heard(), "05 00");
  });

  for (
    const [offered, authenticator] of [
      ["05 00", undefined],
      ["05 01 01", undefined],
      ["05 01 02", undefined],
      ["05 03 01 80 fe", undefined],
      ["05 01 00", new OneUser()],
      ["05 02 00 01", new OneUser()],
      ["05 01 ff", undefined],
    ] as const
  ) {
    const what = authenticator ? "with users" : "without users";
    worldTest(
      `${what} answers ${offered} with FF and closes`,
      authenticator ? { authenticator } : {},
      async (world) => {
        const client = await world.client();
        await client.send(offered);
        assert.equal(client.heard(), "05 ff");
        assert.equal(client.ended, "end");
        await client.close();
        assert.equal(world.record.end, "no-acceptable-method");
        assert.equal(world.record.method, undefined);
      },
    );
  }
});

describe("Username/password", () => {
  worldTest("accepts good credentials", withUsers(), async (world) => {
    const client = await world.client();
    await client.send("05 02 00 02");
    assert.equal(client.heard(), "05 02");
    await client.send(ALICE);
    assert.equal(client.heard(), "01 00");
    await client.send(CONNECT);
    assert.equal(client.heard(), replyHex(5));
    await client.close();
    assert.equal(world.record.username, "alice");
    assert.equal(world.record.method, 2);
  });

  for (
    const [what, credentials] of [
      ["a wrong password", "01 05 'alice' 05 'wrong'"],
      ["an unknown user", "01 03 'bob' 06 'secret'"],
      ["an empty name and an empty password", "01 00 00"],
      ["the good password with an additional octet", "01 05 'alice' 07 'secret' 00"],
    ] as const
  ) {
    worldTest(`answers ${what} with status 01 and closes`, withUsers(), async (world) => {
      const server = await world.serve(destination);
      const client = await world.client();
      await client.send("05 01 02");
      await client.send(joined(bytes(credentials), bytes(CONNECT)));
      assert.equal(client.heard(), "05 02 01 01");
      assert.equal(client.ended, "end");
      await client.close();
      assert.equal(world.record.end, "authentication-failed");
      assert.equal(world.record.command, undefined);
      assert.deepEqual(world.net.dialled, []);
      assert.equal(server.peers.length, 0);
      server.close();
    });
  }

  worldTest(
    "never puts the password into an event (hev and shadowsocks-rust logged it)",
    withUsers(),
    async (world) => {
      const client = await world.client();
      await client.send("05 01 02 01 05 'alice' 0b 'hunter2hunt'");
      await client.close();
      assert.equal(world.record.username, "alice");
      assert.ok(!JSON.stringify(world.events).includes("hunter2"));
    },
  );
});

describe("The request is reachable only from 'authenticated' (sing-box CVE-2023-43644)", () => {
  const cases = [
    ["the request instead of the greeting", CONNECT, "05 ff"],
    ["the request after the greeting without credentials", `05 01 02 ${CONNECT}`, "05 02"],
    ["the request after a greeting that also offers no authentication", `05 02 00 02 ${CONNECT}`, "05 02"],
    ["the request after a greeting that offers only no authentication", `05 01 00 ${CONNECT}`, "05 ff"],
    ["the request after a greeting without methods", `05 00 ${CONNECT}`, "05 ff"],
    ["the request after wrong credentials", `05 01 02 01 05 'alice' 05 'wrong' ${CONNECT}`, "05 02 01 01"],
    [
      "good credentials after wrong credentials",
      `05 01 02 01 05 'alice' 05 'wrong' ${ALICE} ${CONNECT}`,
      "05 02 01 01",
    ],
    ["credentials before the greeting", `${ALICE} 05 01 02 ${CONNECT}`, ""],
    ["a second greeting instead of credentials", `05 01 02 05 01 00 ${CONNECT}`, "05 02"],
    ["an offer of GSSAPI, then the request", `05 01 01 01 01 00 00 ${CONNECT}`, "05 ff"],
  ] as const;
  for (const [what, message, answer] of cases) {
    worldTest(`${what}, pipelined`, withUsers(), async (world) => {
      const server = await world.serve(destination);
      const client = await world.client();
      await client.send(message);
      assert.equal(client.heard(), answer);
      await assertNothingReached(world, client);
      server.close();
    });
    worldTest(`${what}, octet by octet`, withUsers(), async (world) => {
      const server = await world.serve(destination);
      const client = await world.client();
      let heard = "";
      for (const octet of bytes(message)) {
        await client.send(Uint8Array.of(octet));
        heard = `${heard} ${client.heard()}`.trim();
      }
      assert.equal(heard, answer);
      await assertNothingReached(world, client);
      server.close();
    });
  }

  async function assertNothingReached(world: World, client: Peer): Promise<void> {
    assert.deepEqual(world.net.dialled, []);
    await client.close();
    await settle();
    assert.equal(world.record.command, undefined);
    assert.equal(world.record.reply, undefined);
  }
});

describe("A wrong VER closes without an answer", () => {
  for (
    const [where, before, answered, wrong] of [
      ["in the greeting (a SOCKS4 client)", "", "", "04 01 00 50 cb 00 71 50 00"],
      ["in the greeting (a telnet client)", "", "", "ff fb 1f ff fb 18"],
      ["in the greeting (TLS)", "", "", "16 03 01 02 00"],
      ["in the request", "05 01 02 01 05 'alice' 06 'secret'", "05 02 01 00", "04 01 00 01 cb 00 71 50 00 50"],
      ["in the credentials", "05 01 02", "05 02", "05 05 'alice' 06 'secret'"],
    ] as const
  ) {
    worldTest(where, withUsers(), async (world) => {
      const client = await world.client();
      if (before) await client.send(before);
      assert.equal(client.heard(), answered);
      await client.send(wrong);
      assert.equal(client.heard(), "");
      assert.notEqual(client.ended, "no");
      assert.equal(world.record.end, "protocol-error");
      assert.equal(world.record.reply, undefined);
    });
  }
});

describe("The handshake deadline", () => {
  for (
    const [where, sent] of [
      ["before the greeting", ""],
      ["in the greeting", "05 02 00"],
      ["before the credentials", "05 01 02"],
      ["in the credentials", "05 01 02 01 05 'al'"],
      ["before the request", `05 01 02 ${ALICE}`],
      ["in the request", `05 01 02 ${ALICE} 05 01 00 03 0b 'exam'`],
    ] as const
  ) {
    worldTest(`closes a client that stops ${where}`, withUsers(), async (world) => {
      const client = await world.client();
      if (sent) await client.send(sent);
      await world.clock.advance(9_999);
      assert.equal(client.ended, "no");
      await world.clock.advance(1);
      assert.equal(client.ended, "end");
      assert.equal(world.record.end, "handshake-timeout");
    });
  }

  worldTest("covers the whole handshake: slow octets do not extend it", {}, async (world) => {
    const client = await world.client();
    for (const octet of bytes("05 ff 01 01 01 01 01 01 01 01")) {
      await client.send(Uint8Array.of(octet));
      await world.clock.advance(1_000);
    }
    assert.equal(client.ended, "end");
    assert.equal(world.record.end, "handshake-timeout");
  });

  test("includes the time of the password check", async () => {
    const authenticator = { verify: (_: unknown, _client: string, cut: Cut) => untilCut(cut) };
    const world = new World({ authenticator });
    await world.gateway.listen({ host: "192.0.2.1", port: 1080 });
    const client = await world.client();
    await client.send(`05 01 02 ${ALICE}`);
    await world.clock.advance(10_000);
    assert.equal(client.heard(), "05 02");
    assert.equal(client.ended, "end");
    assert.equal(world.record.end, "handshake-timeout");
    await world.end();
  });

  worldTest("ends when the request arrives", {}, async (world) => {
    const { client, server } = await world.connected(4, 4);
    await world.clock.advance(10_000);
    await client.send("'still'");
    assert.equal(server.heardText(), "still");
  });
});

describe("A wait ends with the session", () => {
  const waits = {
    "password check": (_: unknown, _client: string, cut: Cut) => untilCut(cut),
    "delayed answer to a wrong password": () => Promise.resolve({ good: false, waitMs: 60_000 }),
  };
  const ends = {
    "client-left by FIN": (client) => client.finish(),
    "client-left by a reset": (client) => client.reset(),
    "client-left by a reset after the request": async (client) => {
      await client.send(CONNECT);
      await client.reset();
    },
    "handshake-timeout": (_, world) => world.clock.advance(10_000),
    "ended-by-operator": (_, world) => void world.gateway.endSessions(() => true),
    "drained": async (_, world) => {
      const drained = world.gateway.drain(3_000);
      await world.clock.advance(1_000);
      await drained;
    },
  } satisfies Record<string, (client: Peer, world: World) => unknown>;
  for (const [what, verify] of Object.entries(waits)) {
    for (const [end, make] of Object.entries(ends)) {
      worldTest(`${what}: ${end}`, { authenticator: { verify } }, async (world) => {
        const client = await world.client();
        await client.send(`05 01 02 ${ALICE}`);
        assert.equal(world.gateway.sessionCount, 1);
        await make(client, world);
        await settle();
        assert.equal(world.gateway.sessionCount, 0);
        assert.equal(world.record.end, end.split(" ")[0]);
        assert.equal(client.heard(), "05 02");
      });
    }
  }

  worldTest("a half-close does not end the wait: the client receives its answer", {
    authenticator: { verify: () => Promise.resolve({ good: false, waitMs: 2_000 }) },
  }, async (world) => {
    const client = await world.client();
    await client.send(`05 01 02 ${ALICE} ${CONNECT}`);
    await client.finish();
    await world.clock.advance(2_000);
    assert.equal(client.heard(), "05 02 01 01");
    assert.equal(world.record.end, "authentication-failed");
  });
});

worldTest(
  "A client over the limit of wrong passwords receives the answer for a wrong password, and counts as turned away",
  {
    authenticator: { verify: () => Promise.resolve({ good: false, tooMany: true }) },
  },
  async (world) => {
    const client = await world.client();
    await client.send(`05 01 02 ${ALICE}`);
    assert.equal(client.heard(), "05 02 01 01");
    await client.close();
    const turnedAway = world.events.flatMap((event) => event.type === "client-turned-away" ? [event.reason] : []);
    assert.deepEqual(turnedAway, ["too-many-failures"]);
    assert.equal(world.record.detail, "too many wrong passwords from this client");
  },
);

describe("A client that disconnects", () => {
  for (
    const [where, sent] of [
      ["before the greeting", ""],
      ["in the greeting", "05 02 00"],
      ["before the credentials", "05 01 02"],
      ["in the credentials", "05 01 02 01 05 'al'"],
      ["before the request", `05 01 02 ${ALICE}`],
      ["in the request", `05 01 02 ${ALICE} 05 01 00 03 0b 'exam'`],
    ] as const
  ) {
    for (const how of ["close", "finish", "reset"] as const) {
      worldTest(`${where} by ${how} ends its session only`, withUsers(), async (world) => {
        const client = await world.client();
        const other = await world.client();
        if (sent) await client.send(sent);
        await client[how]();
        assert.equal(world.record.end, how === "reset" ? "reset" : "client-left");
        assert.equal(world.record.reply, undefined);
        assert.equal(world.gateway.sessionCount, 1);
        await other.send("05 01 02");
        assert.equal(other.heard(), "05 02");
      });
    }
  }
});

describe("After a failure reply", () => {
  worldTest(
    "the gateway closes the connection within 10 s (RFC 1928 s6) even if the client does not",
    {},
    async (world) => {
      const client = await world.request(Command.Connect, destination);
      assert.equal(client.heard(), replyHex(5));
      assert.equal(client.ended, "end");
      assert.equal(world.gateway.sessionCount, 1);
      await world.clock.advance(10_000);
      assert.equal(world.gateway.sessionCount, 0);
      assert.equal(world.record.end, "refused");
    },
  );

  worldTest("later octets of the client do not cause a reset that loses the reply", {}, async (world) => {
    const client = await world.client();
    await client.send(joined(bytes(GREETING), request(Command.Connect, destination), bytes("'early data'")));
    assert.equal(client.heard(), `${SELECTED} ${replyHex(5)}`);
    assert.equal(client.ended, "end");
    await client.send("'more'");
    assert.equal(client.ended, "end");
    await client.close();
    assert.equal(world.record.end, "refused");
  });

  worldTest("a reset by the client ends the session at once", {}, async (world) => {
    const client = await world.request(Command.Connect, destination);
    await client.reset();
    assert.equal(world.record.end, "refused");
    assert.equal(world.record.reply, 5);
  });
});

describe("A request that cannot be served", () => {
  for (
    const [what, octets, reply] of [
      ["an unknown command", "05 04 00 01 cb 00 71 50 00 50", 7],
      ["command 0", "05 00 00 01 cb 00 71 50 00 50", 7],
      ["an unknown ATYP", "05 01 00 02 cb 00 71 50 00 50", 8],
      ["an unknown command, only after its whole request", "05 09 00 03 01 'a' 00 50", 7],
      ["an empty name (curl CVE-2023-38545: a name is never cut to fit)", "05 01 00 03 00 00 50", 1],
      ["a name with a zero octet", "05 01 00 03 04 'a' 00 'bc' 00 50", 1],
      ["a name with a zone (Go CVE-2025-22870)", "05 01 00 03 08 '::1%eth0' 00 50", 1],
      ["octal IPv4 (npm ip CVE-2024-29415)", "05 01 00 03 0a '0177.0.0.1' 00 50", 1],
      ["hexadecimal IPv4 (npm ip CVE-2023-42282)", "05 01 00 03 06 '0x7f.1' 00 50", 1],
      ["IPv4 as one number", "05 01 00 03 0a '2130706433' 00 50", 1],
      ["short IPv4", "05 01 00 03 05 '127.1' 00 50", 1],
    ] as const
  ) {
    worldTest(`with ${what} has the reply ${String(reply).padStart(2, "0")}`, {}, async (world) => {
      const client = await world.client();
      await client.send(GREETING);
      client.heard();
      await client.send(octets);
      assert.equal(client.heard(), replyHex(reply));
      assert.equal(client.ended, "end");
      await client.close();
      assert.equal(world.record.reply, reply);
      assert.equal(world.record.end, "protocol-error");
      assert.deepEqual(world.net.dialled, []);
      assert.deepEqual(world.resolver.asked, []);
    });
  }

  for (
    const [what, octets] of [
      ["::ffff:127.0.0.1 as a name", "05 01 00 03 10 '::ffff:127.0.0.1' 00 50"],
      ["::fFFf:127.0.0.1 as a name (npm ip CVE-2024-29415)", "05 01 00 03 10 '::fFFf:127.0.0.1' 00 50"],
      ["[::1] as a name", "05 01 00 03 05 '[::1]' 00 50"],
      ["127.0.0.1 as a name", "05 01 00 03 09 '127.0.0.1' 00 50"],
    ] as const
  ) {
    worldTest(`is judged by the address in ${what}`, {}, async (world) => {
      const client = await world.client();
      await client.send(GREETING);
      client.heard();
      await client.send(octets);
      assert.equal(client.heard(), replyHex(2));
      await client.close();
      assert.deepEqual(world.resolver.asked, []);
    });
  }

  worldTest("is answered as usual with any value in RSV", {}, async (world) => {
    const client = await world.client();
    await client.send(`${GREETING} 05 01 ff 01 cb 00 71 50 00 50`);
    assert.equal(client.heard(), `${SELECTED} ${replyHex(5)}`);
  });
});

describe("The request decoder reads each command with each address type (Tor CVE-2023-23589)", () => {
  const addresses = [
    ["IPv4", { host: SERVER4, port: 80 }],
    ["IPv6", { host: SERVER6, port: 80 }],
    ["a name", { host: "server.test", port: 80 }],
    ["a name of 255 octets", { host: `${"a".repeat(250)}.test`, port: 80 }],
  ] as const;
  for (const name of ["Connect", "Bind", "UdpAssociate"] as const) {
    const command = Command[name];
    for (const [what, address] of addresses) {
      worldTest(`${name} with ${what}`, {}, async (world) => {
        world.resolver.set("server.test", [SERVER4]);
        const client = await world.request(command, address);
        const reply = client.heardBytes();
        await client.close();
        assert.equal(world.record.command, command);
        assert.equal(world.record.destination?.host, address.host);
        assert.equal(world.record.destination?.port, 80);
        const failure = command === Command.Connect ? 5 : 0;
        const unknown = address.host.length > 100 && command !== Command.UdpAssociate;
        assert.equal(reply[1], unknown ? 4 : failure);
      });
    }
  }
});

test("A session record has the client's address, its start time and its end time", async () => {
  const world = new World();
  await world.gateway.listen({ host: "192.0.2.1", port: 1080 });
  const startedAt = world.clock.now();
  const client = await world.client();
  await world.clock.advance(1_234);
  await client.close();
  assert.equal(world.record.client.host, CLIENT4);
  assert.equal(world.record.startedAt, startedAt);
  assert.equal(world.record.endedAt, startedAt + 1_234);
  assert.equal(world.record.id, 1);
  await world.end();
});
