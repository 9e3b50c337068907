import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import { NetError, type NetErrorKind } from "../../../src/net/error.ts";
import { Peer } from "../../support/memory/peer.ts";
import { bytes } from "../../support/wire/bytes.ts";
import { GATEWAY4, relayTypes, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const ann: Authenticator = {
  verify: ({ username, password }) =>
    Promise.resolve({
      good: new TextDecoder().decode(username) === "ann" && new TextDecoder().decode(password) === "p:w",
    }),
};

const slowly: Authenticator = {
  verify: async (...asked) => ({ ...await ann.verify(...asked), waitMs: 50 }),
};

const mute: Authenticator = { verify: () => Promise.reject(new NetError("busy", "Cannot ask: it is down")) };

/** As bytes() wants it: text between quotes, lines ended. */
const lines = (...all: readonly string[]) => all.map((line) => `'${line}' 0d 0a`).join(" ");

async function asks(world: World, head: readonly string[], family: 4 | 6 = 4) {
  const client = await world.client(family);
  await client.send(lines(...head, ""));
  return client;
}

const connect = (authority: string) => [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];

for (const { type, client: from, server: to } of relayTypes) {
  worldTest(
    `HTTP CONNECT of type ${type} has its answer after the dial, and forwards early data`,
    {},
    async (world) => {
      const host = to === 4 ? SERVER4 : SERVER6;
      world.resolver.set("server.test", [host]);
      const listener = await world.serve({ host, port: 443 });
      const client = await world.client(from);
      await client.send(`${lines(...connect("server.test:443"), "")} 'early'`);
      assert.equal(client.heardText(), "HTTP/1.1 200 Connection established\r\n\r\n");
      assert.equal(listener.peer.heardText(), "early");
      await listener.peer.send("'down'");
      assert.equal(client.heardText(), "down");
      await client.finish();
      await listener.peer.finish();
      const { protocol, relayType, end, counts, reply } = world.record;
      assert.deepEqual({ protocol, relayType, end, reply }, {
        protocol: "http",
        relayType: type,
        end: "end",
        reply: 0,
      });
      assert.deepEqual(counts, { up: 5, down: 4 });
    },
  );
}

describe("HTTP", () => {
  worldTest("a request for a URL goes to its server, and the response ends the connection", {}, async (world) => {
    world.resolver.set("web.test", [SERVER6]);
    const listener = await world.serve({ host: SERVER6, port: 80 });
    const client = await asks(world, [
      "POST http://web.test/a HTTP/1.1",
      "Host: web.test",
      "Proxy-Connection: keep-alive",
      "Content-Length: 4",
    ]);
    await client.send("'body'");
    const server = listener.peer;
    assert.equal(
      server.heardText(),
      "POST /a HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\nVia: 1.1 gate46\r\nConnection: close\r\n\r\nbody",
    );
    assert.equal(client.heardText(), "", "nothing is said before the server has");
    await server.send(lines("HTTP/1.1 100 Continue", ""));
    await server.send("'HTTP/1.1 200 O'");
    await server.send("'K' 0d 0a 'Connection: keep-alive' 0d 0a 'Content-Length: 2' 0d 0a 0d 0a 'o'");
    await server.send("'k'");
    await server.finish();
    assert.equal(
      client.heardText(),
      "HTTP/1.1 100 Continue\r\nVia: 1.1 gate46\r\n\r\n" +
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVia: 1.1 gate46\r\nConnection: close\r\n\r\nok",
    );
    assert.equal(client.ended, "end");
    await client.close();
  });

  const secret = "Proxy-Authorization: Basic YW5uOnA6dw==";
  const bodies: readonly (readonly [what: string, fields: readonly string[], body: string])[] = [
    ["without a body", [], ""],
    ["with an empty body", ["Content-Length: 0"], ""],
    ["with a Content-Length body", ["Content-Length: 4"], "'body'"],
    ["with a chunked body", ["Transfer-Encoding: chunked"], "'4' 0d0a 'body' 0d0a '0;x=y' 0d0a 'A: b' 0d0a 0d0a"],
  ];
  for (const [what, fields, body] of bodies) {
    const title = `octets after a request ${what}, with their credentials, reach no server`;
    worldTest(title, { authenticator: ann }, async (world) => {
      const { peers } = await world.serve({ host: SERVER4, port: 80 });
      for (const apart of [false, true]) {
        const first = lines(`POST http://${SERVER4}/a HTTP/1.1`, secret, ...fields, "");
        const second = lines(`GET http://${SERVER4}/b HTTP/1.1`, secret, "");
        const client = await world.client(4);
        if (!apart) await client.send(`${first} ${body} ${second}`);
        else for (const part of [first, body, second, second]) await client.send(part);
        const server = peers.at(-1)!;
        const heard = server.heardBytes();
        const text = new TextDecoder().decode(heard);
        assert.ok(text.endsWith(`Connection: close\r\n\r\n${new TextDecoder().decode(bytes(body))}`), text);
        assert.doesNotMatch(text, /Proxy-Auth|\/b/);
        await server.send(`${lines("HTTP/1.1 200 OK", "Content-Length: 2", "")} 'ok'`);
        await server.finish();
        assert.match(client.heardText(), /^HTTP\/1.1 200 [^]*\r\n\r\nok$/);
        assert.equal(client.ended, "end");
        await client.close();
      }
      assert.equal(peers.length, 2);
    });
  }

  for (const early of [true, false]) {
    const when = early ? "with the request" : "during the relay";
    worldTest(`a malformed chunk ${when} ends the session on both sides`, {}, async (world) => {
      const { peers } = await world.serve({ host: SERVER4, port: 80 });
      const head = lines(`POST http://${SERVER4}/ HTTP/1.1`, "Transfer-Encoding: chunked", "");
      const client = await world.client(4);
      await client.send(early ? `${head} '3' 0a 'abc'` : head);
      if (!early) await client.send("'3' 0a 'abc'");
      const server = peers[0]!;
      assert.doesNotMatch(server.heardText(), /abc/);
      assert.ok(server.ended, "the server waits for no more");
      assert.ok(client.ended, "the client waits for no answer");
      const { end, detail } = world.records.at(-1)!;
      assert.deepEqual([end, detail], ["protocol-error", "the request's body is not valid chunks (RFC 9112 s7.1)"]);
    });
  }

  worldTest(
    "a client that half-closes right after its request receives the response",
    { authenticator: slowly },
    async (world) => {
      const { peers } = await world.serve({ host: SERVER4, port: 80 });
      world.internet.route(SERVER4, { afterMs: 100 });
      const client = await asks(world, [`GET http://${SERVER4}/ HTTP/1.1`, secret]);
      await client.finish();
      await world.clock.advance(50);
      await world.clock.advance(100);
      const server = peers[0]!;
      assert.match(server.heardText(), /^GET \/ /);
      await server.send(`${lines("HTTP/1.1 200 OK", "")} 'ok'`);
      await server.close();
      assert.match(client.heardText(), /^HTTP\/1.1 200 OK[^]*ok$/);
      assert.equal(world.record.end, "end");
      await client.close();
    },
  );

  worldTest("a server that sends nothing or another protocol causes a 502", {}, async (world) => {
    const listener = await world.serve({ host: SERVER4, port: 80 });
    for (const said of ["'SSH-2.0-x' 0d 0a 0d 0a", ""]) {
      const client = await asks(world, [`GET http://${SERVER4}/ HTTP/1.1`]);
      const server = listener.peers.at(-1)!;
      if (said) await server.send(said);
      await server.finish();
      assert.match(client.heardText(), /^HTTP\/1\.1 502 Bad Gateway\r\n/);
      await client.close();
    }
  });

  const outcomes: readonly (readonly [kind: NetErrorKind, status: number, sentence: string])[] = [
    ["refused", 502, "connection refused (05)"],
    ["host-unreachable", 502, "host unreachable (04)"],
    ["network-unreachable", 502, "network unreachable (03)"],
    ["timed-out", 504, "TTL expired (06)"],
    ["permission-denied", 403, "connection not allowed by ruleset (02)"],
    ["no-descriptors", 503, "general SOCKS server failure (01)"],
    ["other", 502, "general SOCKS server failure (01)"],
  ];
  for (const [kind, status, sentence] of outcomes) {
    worldTest(
      `the network error ${kind} causes a ${status} with the reason, for CONNECT and for a URL`,
      {},
      async (world) => {
        world.internet.route(SERVER4, { fault: kind });
        for (const head of [connect(`${SERVER4}:80`), [`GET http://${SERVER4}/ HTTP/1.1`]]) {
          const client = await asks(world, head);
          const said = client.heardText();
          assert.match(said, new RegExp(`^HTTP/1.1 ${status} [^]*Connection: close\r\n\r\ngate46: `));
          assert.ok(said.endsWith(`gate46: ${sentence}\n`), said);
          await client.close();
        }
      },
    );
  }

  worldTest("a denied destination causes a 403, and a malformed head a 400 with the fault", {}, async (world) => {
    const denied = await asks(world, connect("127.0.0.1:80"));
    assert.match(denied.heardText(), /^HTTP\/1\.1 403 Forbidden\r\n/);
    await denied.close();
    const wrong = await asks(world, ["GET / HTTP/1.1", "Host: here"]);
    assert.match(wrong.heardText(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*: this port is a proxy for SOCKS5 and HTTP/);
    await wrong.close();
    for (const field of ["Transfer-Encoding : chunked", "Content-Length: +1", "X: \x01", "no field"]) {
      const client = await asks(world, ["POST http://a.test/ HTTP/1.1", field]);
      assert.match(client.heardText(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*Cannot read an HTTP message: /, field);
      await client.close();
    }
    assert.equal(world.records.at(-1)!.end, "protocol-error");
    const twice = await asks(world, [...connect(`${SERVER4}:80`), "Host: other.test"]);
    assert.match(twice.heardText(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*: it has host more than once/);
    await twice.close();
  });

  worldTest("Basic credentials are checked against the SOCKS users", { authenticator: ann }, async (world) => {
    await world.serve({ host: SERVER4, port: 80 });
    const without = await asks(world, connect(`${SERVER4}:80`));
    assert.match(
      without.heardText(),
      /^HTTP\/1\.1 407 [^]*Proxy-Authenticate: Basic realm="gate46", charset="UTF-8"\r\n/,
    );
    await without.close();
    const authorized = (text: string) => [...connect(`${SERVER4}:80`), `Proxy-Authorization: Basic ${btoa(text)}`];
    const wrong = await asks(world, authorized("ann:no"));
    assert.match(wrong.heardText(), /^HTTP\/1\.1 407 /);
    await wrong.close();
    const right = await asks(world, authorized("ann:p:w"));
    assert.match(right.heardText(), /^HTTP\/1\.1 200 /);
    right.socket.reset();
    await world.clock.advance(0);
    assert.equal(world.records.at(-1)!.username, "ann");
  });

  worldTest(
    "a password that cannot be checked causes a 503",
    { authenticator: mute },
    async (world) => {
      const client = await asks(world, [...connect(`${SERVER4}:80`), `Proxy-Authorization: Basic ${btoa("ann:p:w")}`]);
      assert.match(client.heardText(), /^HTTP\/1\.1 503 [^]*passwords cannot be checked now/);
      await client.close();
      const { end, detail } = world.record;
      assert.deepEqual({ end, detail }, { end: "error", detail: "Cannot ask: it is down" });
    },
  );

  worldTest("a listener for one protocol answers clients of other protocols with its purpose", {}, async (world) => {
    await world.serve({ host: SERVER4, port: 80 });
    const at = async (port: number, only: "socks" | "http") => {
      await world.gateway.listen({ host: GATEWAY4, port }, { only });
      return async (bytes: string) => {
        const client = new Peer(await world.clients[4].connect({ host: GATEWAY4, port }));
        await client.send(bytes);
        const said = client.heard();
        client.socket.reset();
        await world.clock.advance(0);
        return said;
      };
    };
    const socks = await at(1, "socks"), http = await at(2, "http");
    const status = (said: string) => new TextDecoder().decode(bytes(said)).split("\r\n").at(0);
    assert.equal(await socks("05 01 00"), "05 00");
    assert.equal(status(await socks(lines(...connect(`${SERVER4}:80`), ""))), "HTTP/1.1 400 Bad Request");
    assert.equal(await http("05 01 00"), "05 ff");
    assert.equal(status(await http(lines(...connect(`${SERVER4}:80`), ""))), "HTTP/1.1 200 Connection established");
    assert.deepEqual(world.records.flatMap(({ detail }) => detail?.startsWith("this port") ? detail : []), [
      "this port is for SOCKS5, not for HTTP",
      "this port is for HTTP, not for SOCKS",
    ]);
  });
});
