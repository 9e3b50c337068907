import assert from "node:assert/strict";
import { describe } from "node:test";
import { type ByName, defaultSettings } from "../../../src/gateway/settings.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { Peer } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import {
  GATEWAY4,
  GATEWAY6,
  relayTypes,
  SERVER4,
  SERVER6,
  type World,
  type WorldOptions,
  worldTest,
} from "../../support/memory/world.ts";
import { helloFor, helloWith, inRecords, messageOf, trueHellos } from "../../support/tls/client_hellos.ts";
import { bytes, joined } from "../../support/wire/bytes.ts";

const lines = (...all: readonly string[]) => new TextEncoder().encode([...all, "", ""].join("\r\n"));
const get = (host: string) => lines("GET /a HTTP/1.1", `Host: ${host}`, "Connection: keep-alive");

const UNRECOGNIZED = "15 03 03 00 02 02 70", INTERNAL = "15 03 03 00 02 02 50";

const shop: WorldOptions = { rules: [{ action: "allow", names: ["*.shop.test", "shop.example"] }] };

/** A visitor of the gateway's `port`, which is for `only`. */
async function visit(
  world: World,
  only: ByName,
  family: 4 | 6 = 4,
  port = only.by === "sni" ? 443 : 80,
): Promise<Peer> {
  const addr = { host: family === 4 ? GATEWAY4 : GATEWAY6, port };
  if (!world.gateway.addrs.some((own) => own.host === addr.host && own.port === port)) {
    await world.gateway.listen(addr, { only });
  }
  const peer = new Peer(await world.clients[family].connect(addr));
  await settle();
  return peer;
}

const sni: ByName = { by: "sni" }, host: ByName = { by: "host" };

for (const { type, client: from, server: to } of relayTypes) {
  for (
    const [only, port, first] of [[sni, 443, helloFor("www.shop.test")], [host, 80, get("www.shop.test")]] as const
  ) {
    worldTest(
      `By name, ${only.by}, type ${type}: the server receives the client's octets unchanged`,
      shop,
      async (world) => {
        const addr = { host: to === 4 ? SERVER4 : SERVER6, port };
        world.resolver.set("www.shop.test", [addr.host]);
        const listener = await world.serve(addr);
        const visitor = await visit(world, only, from);
        await visitor.send(first.subarray(0, 30));
        assert.equal(listener.peers.length, 0);
        await visitor.send(joined(first.subarray(30), bytes("'early'")));
        assert.deepEqual(listener.peer.heardBytes(), joined(first, bytes("'early'")));
        assert.equal(visitor.heard(), "");
        await listener.peer.send("'down'");
        assert.equal(visitor.heardText(), "down");
        await visitor.finish();
        await listener.peer.finish();
        const { protocol, relayType, end, counts, destination } = world.record;
        assert.deepEqual({ protocol, relayType, end, port: destination!.port, host: destination!.host }, {
          protocol: only.by,
          relayType: type,
          end: "end",
          port,
          host: "www.shop.test",
        });
        assert.deepEqual(counts, { up: first.length + 5, down: 4 });
      },
    );
  }
}

describe("A listener by TLS server name", () => {
  worldTest(
    "forwards ClientHellos of real clients unchanged, in records and segments of any size",
    shop,
    async (world) => {
      world.resolver.set("shop.example", [SERVER6]);
      const listener = await world.serve({ host: SERVER6, port: 443 });
      for (const { serverName, bytes } of trueHellos) {
        if (serverName !== "shop.example") continue;
        for (const [hello, segment] of [[bytes, 1_400], [inRecords(messageOf(bytes), 100), 33], [bytes, 1]] as const) {
          const visitor = await visit(world, sni);
          for (let at = 0; at < hello.length; at += segment) await visitor.send(hello.subarray(at, at + segment));
          assert.deepEqual(listener.peer.heardBytes(), hello);
          await visitor.reset();
        }
      }
    },
  );

  for (
    const [what, hello, detail] of [
      ["no name", helloWith(new Uint8Array(0)), "Cannot go by name: the ClientHello names no server"],
      ["an IPv4 address", helloFor(SERVER4), "Cannot go by name: the client asks for an address, not for a name"],
      [
        "an IPv6 address",
        helloFor(`[${SERVER6}]`),
        "Cannot go by name: the client asks for an address, not for a name",
      ],
      ["a name with a port", helloFor("www.shop.test:443"), "Cannot read an address: not a name"],
      ["an empty name", helloFor(""), "Cannot read an address: the name is empty"],
      ["a name with an octet 0", helloFor("www.shop.test\0.evil.test"), "Cannot read an address: not a name"],
      [
        "another handshake message",
        bytes("16 03 01 0004 02 00 00 00"),
        "Cannot read a ClientHello: its first message is another",
      ],
    ] as const
  ) {
    worldTest(`answers ${what} with the alert unrecognized_name, and logs the reason`, shop, async (world) => {
      const visitor = await visit(world, sni);
      await visitor.send(hello);
      assert.equal(visitor.heard(), UNRECOGNIZED);
      assert.equal(visitor.ended, "end");
      await visitor.close();
      assert.deepEqual([world.record.end, world.record.detail], ["protocol-error", detail]);
    });
  }

  worldTest(
    "answers internal_error for an unreachable server, and unrecognized_name for a refused name",
    shop,
    async (world) => {
      world.resolver.set("www.shop.test", [SERVER4]);
      world.internet.route(SERVER4, { fault: "refused" });
      for (const [name, alert, reply] of [["www.shop.test", INTERNAL, 5], ["other.test", UNRECOGNIZED, 2]] as const) {
        const visitor = await visit(world, sni);
        await visitor.send(helloFor(name));
        assert.equal(visitor.heard(), alert);
        await visitor.close();
        assert.equal(world.records.at(-1)!.reply, reply);
      }
      assert.deepEqual(world.resolver.asked, ["www.shop.test"], "nobody is asked for a name that no rule allows");
    },
  );

  worldTest("limits the time and the size of a ClientHello", shop, async (world) => {
    const slow = await visit(world, sni);
    await slow.send(helloFor("www.shop.test").subarray(0, 20));
    await world.clock.advance(defaultSettings.handshakeMs);
    assert.equal(slow.ended, "end");
    const large = await visit(world, sni);
    await large.send(bytes("16 03 01 4000 01 01 00 00"));
    assert.equal(large.heard(), UNRECOGNIZED);
    await large.close();
    assert.deepEqual(world.records.map(({ end }) => end), ["handshake-timeout", "protocol-error"]);
  });

  worldTest("dials the listener's port or the configured port", shop, async (world) => {
    world.resolver.set("www.shop.test", [SERVER4]);
    const own = await world.serve({ host: SERVER4, port: 8443 }),
      said = await world.serve({ host: SERVER4, port: 993 });
    const first = await visit(world, sni, 4, 8443), second = await visit(world, { by: "sni", port: 993 }, 4, 4433);
    for (const [visitor, server] of [[first, own], [second, said]] as const) {
      await visitor.send(helloFor("www.shop.test"));
      assert.equal(server.peers.length, 1);
      await visitor.reset();
    }
  });

  worldTest("takes the client address from a load balancer's PROXY header", {
    ...shop,
    settings: { proxies: [parsePrefix("198.51.100.10")!] },
  }, async (world) => {
    world.resolver.set("www.shop.test", [SERVER6]);
    const listener = await world.serve({ host: SERVER6, port: 443 });
    const visitor = await visit(world, sni);
    await visitor.send(joined(bytes(`'PROXY TCP4 192.0.2.77 ${GATEWAY4} 40000 443' 0d 0a`), helloFor("www.shop.test")));
    assert.deepEqual(listener.peer.heardBytes(), helloFor("www.shop.test"));
    await visitor.reset();
    assert.equal(world.record.client.host, "192.0.2.77");
  });
});

describe("A listener by HTTP Host", () => {
  for (
    const [what, request, status, detail] of [
      ["no Host", lines("GET / HTTP/1.1"), 400, "Cannot serve an HTTP request: it has no Host, or none that is a host"],
      [
        "two Host fields",
        lines("GET / HTTP/1.1", "Host: a.shop.test", "Host: b.shop.test"),
        400,
        "Cannot read an HTTP message: it has host more than once",
      ],
      ["an address", get(SERVER4), 400, "Cannot go by name: the client asks for an address, not for a name"],
      [
        "an IPv6 address",
        get(`[${SERVER6}]:80`),
        400,
        "Cannot go by name: the client asks for an address, not for a name",
      ],
      ["another port", get("www.shop.test:8080"), 400, "Cannot go by name: the request is for port 8080"],
      [
        "a URL",
        lines("GET http://www.shop.test/ HTTP/1.1", "Host: www.shop.test"),
        400,
        "Cannot serve an HTTP request: its target is not a path",
      ],
      [
        "CONNECT",
        lines("CONNECT www.shop.test:80 HTTP/1.1", "Host: www.shop.test"),
        400,
        "Cannot serve an HTTP request: its target is not a path",
      ],
      ["HTTP/2", lines("PRI * HTTP/2.0"), 400, "Cannot serve an HTTP request: its first line is no request of HTTP/1"],
      ["a refused name", get("other.test"), 421, "no rule allows this name"],
    ] as const
  ) {
    worldTest(`answers ${what} with ${status}, and logs the reason`, shop, async (world) => {
      const visitor = await visit(world, host);
      await visitor.send(request);
      assert.match(visitor.heardText(), new RegExp(`^HTTP/1.1 ${status} [^]*\r\n\r\ngate46: `));
      await visitor.close();
      assert.equal(world.record.detail, detail);
    });
  }

  worldTest("accepts the listener's port or the destination's port in Host", shop, async (world) => {
    world.resolver.set("www.shop.test", [SERVER4]);
    const listener = await world.serve({ host: SERVER4, port: 8000 });
    for (const said of ["", ":80", ":8000"]) {
      const visitor = await visit(world, { by: "host", port: 8000 });
      await visitor.send(get(`www.shop.test${said}`));
      assert.deepEqual(listener.peer.heardBytes(), get(`www.shop.test${said}`));
      await visitor.reset();
    }
    assert.equal(listener.peers.length, 3);
  });
});

describe("Rules for listeners by name", () => {
  /** What becomes of a visitor who asks for a name that has these addresses. */
  const rows:
    readonly (readonly [what: string, options: WorldOptions, hosts: readonly string[], detail: string | undefined])[] =
      [
        [
          "a rule without names does not count",
          { rules: [{ action: "allow" }] },
          [SERVER4],
          "no rule allows this name",
        ],
        [
          "--via and --allow do not count",
          {
            rules: [{ action: "allow", via: ["socks5://192.0.2.99"] }],
            allow: ["0.0.0.0/0"],
          },
          [SERVER4],
          "no rule allows this name",
        ],
        ["the default does not allow a name", {}, [SERVER4], "no rule allows this name"],
        ["a rule for another name does not count", {
          rules: [{ action: "allow", names: ["other.test"] }, { action: "allow" }],
        }, [
          SERVER4,
        ], "no rule allows this name"],
        [
          "a rule without names is skipped",
          { rules: [{ action: "allow", to: ["203.0.113.0/24"] }, { action: "allow", names: ["a.test"] }] },
          [SERVER4],
          undefined,
        ],
        [
          "a deny rule without names counts",
          { rules: [{ action: "deny", to: ["203.0.113.0/24"] }, { action: "allow", names: ["a.test"] }] },
          [SERVER4],
          "rules[0]",
        ],
        [
          "a last deny rule does not deny a name that an earlier rule allows",
          { rules: [{ action: "allow", names: ["a.test"] }, { action: "deny" }] },
          [SERVER4],
          undefined,
        ],
        [
          "a rule with names and prefixes needs both to match",
          { rules: [{ action: "allow", names: ["a.test"], to: ["203.0.113.0/24"] }] },
          [SERVER4],
          undefined,
        ],
        ["a rule whose prefix does not match the address does not count", {
          rules: [{ action: "allow", names: ["a.test"], to: ["192.0.2.0/24"] }],
        }, [
          SERVER4,
        ], "no rule allows this name"],
        [
          "closed addresses stay closed, also with --allow",
          { rules: [{ action: "allow", names: ["a.test"] }], allow: ["127.0.0.1"] },
          ["127.0.0.1"],
          "loopback destination 127.0.0.1",
        ],
        [
          "the gateway's own listener is never reached",
          { rules: [{ action: "allow", names: ["a.test"], to: [GATEWAY4] }], allow: [GATEWAY4] },
          [GATEWAY4],
          `own listener ${GATEWAY4}:443`,
        ],
      ];
  for (const [what, options, hosts, detail] of rows) {
    worldTest(what, options, async (world) => {
      world.resolver.set("a.test", hosts);
      const listener = await world.serve({ host: SERVER4, port: 443 });
      const visitor = await visit(world, sni);
      await visitor.send(helloFor("a.test"));
      assert.equal(visitor.heard(), detail ? UNRECOGNIZED : "");
      assert.equal(listener.peers.length, detail ? 0 : 1);
      await visitor.reset();
      assert.equal(world.record.detail, detail);
    });
  }

  worldTest("SOCKS clients of other listeners are judged as usual", shop, async (world) => {
    await visit(world, sni).then((visitor) => visitor.reset());
    const { client, server } = await world.connected(4, 4);
    await client.reset();
    await server.close();
    assert.equal(world.records.at(-1)!.reply, 0);
  });
});

describe("A listener by name", () => {
  for (
    const [what, only, said, heard, detail] of [
      ["for TLS refuses SOCKS5", sni, "05 01 00", "05 ff", "this port is for TLS by server name, not for SOCKS"],
      ["for hosts refuses SOCKS5", host, "05 01 00", "05 ff", "this port is for HTTP by host, not for SOCKS"],
    ] as const
  ) {
    worldTest(what, shop, async (world) => {
      const visitor = await visit(world, only);
      await visitor.send(said);
      assert.equal(visitor.heard(), heard);
      await visitor.close();
      assert.equal(world.record.detail, detail);
    });
  }

  worldTest("for TLS answers an HTTP browser with 400 and the reason", shop, async (world) => {
    const visitor = await visit(world, sni);
    await visitor.send(get("www.shop.test"));
    assert.match(
      visitor.heardText(),
      /^HTTP\/1\.1 400 [^]*gate46: this port is for TLS by server name, not for HTTP\n$/,
    );
    await visitor.close();
  });
});
