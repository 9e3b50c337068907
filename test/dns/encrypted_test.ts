import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { describe, test } from "node:test";
import { decode, encode } from "dns-packet";
import { transportTo } from "../../src/dns/server.ts";
import type { Transport } from "../../src/dns/transport.ts";
import { systemClock } from "../../src/net/clock.ts";
import { Cut } from "../../src/net/cut.ts";
import { openNet } from "../../src/net/mod.ts";
import { certificatesFor, hasOpenssl } from "../support/certificates.ts";
import { skipped } from "../support/skipped.ts";
import { within } from "../support/until.ts";

const QUESTION = { name: "a.test", type: "A" } as const;
const skip = skipped("DNS over TLS and HTTPS", hasOpenssl ? false : "openssl is not here");
const certificates = hasOpenssl ? certificatesFor("DNS:dns.test", "IP:127.0.0.1") : { ca: "", key: "", cert: "" };
const strangers = hasOpenssl ? certificatesFor("DNS:dns.test", "IP:127.0.0.1") : certificates;
const net = await openNet();

/** Answers 203.0.113.1 to what is asked. */
function answer(query: Uint8Array): Buffer {
  const { id, questions } = decode(Buffer.from(query));
  const [{ name }] = questions as unknown as [{ name: string }];
  return encode({
    type: "response",
    id: id!,
    questions: questions!,
    answers: [{ type: "A", name, ttl: 60, data: "203.0.113.1" }],
  });
}

interface Seen {
  port: number;
  connections: number;
  queries: number;
  close(): void;
}

/** A DoT server that answers `perConnection` queries on each connection, and then closes it. */
async function dotServer(perConnection = Infinity): Promise<Seen> {
  const seen: Seen = { port: 0, connections: 0, queries: 0, close: () => server.close() };
  const server = createTlsServer({ key: certificates.key, cert: certificates.cert }, (socket) => {
    seen.connections++;
    let unread = Buffer.alloc(0), answered = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
        const size = 2 + unread.readUInt16BE(0);
        const reply = answer(unread.subarray(2, size));
        seen.queries++;
        const head = Buffer.alloc(2);
        head.writeUInt16BE(reply.length);
        // In two pieces, as TCP may.
        socket.write(head.subarray(0, 1));
        socket.write(Buffer.concat([head.subarray(1), reply]));
        unread = unread.subarray(size);
        if (++answered === perConnection) socket.end();
      }
    });
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", () => resolve()));
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

async function dohServer(status = 200): Promise<Seen> {
  const seen: Seen = { port: 0, connections: 0, queries: 0, close: () => server.close() };
  const server = createHttpsServer({ key: certificates.key, cert: certificates.cert }, (request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      seen.queries++;
      const query = Buffer.concat(chunks);
      assert.equal(request.method, "POST");
      assert.equal(request.headers["content-type"], "application/dns-message");
      assert.equal(query.readUInt16BE(0), 0, "the id is 0 (RFC 8484 s4.1)");
      response.writeHead(status, { "content-type": "application/dns-message" });
      response.end(answer(query));
    });
  });
  server.on("secureConnection", () => seen.connections++);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

async function ask(transport: Transport): Promise<unknown> {
  const { answers } = await within("an answer", transport.ask(QUESTION, new Cut()), 10_000);
  const [first] = answers;
  return first && "data" in first ? first.data : undefined;
}

const tls = (server: Seen, serverName: string | undefined, ca = certificates.ca, host = "127.0.0.1") =>
  transportTo({ kind: "tls", addr: { host, port: server.port }, serverName }, {
    net,
    clock: systemClock,
    ca,
  });
const https = (server: Seen, ca = certificates.ca, host = "127.0.0.1") =>
  transportTo({ kind: "https", url: `https://${host}:${server.port}/dns-query` }, { net, clock: systemClock, ca });

describe("DNS over TLS", { skip }, () => {
  for (const name of ["dns.test", undefined]) {
    test(`asks a server whose certificate has ${name ?? "its address"}, over one connection`, async () => {
      const server = await dotServer();
      const transport = tls(server, name);
      assert.deepEqual(await Promise.all([ask(transport), ask(transport)]), ["203.0.113.1", "203.0.113.1"]);
      assert.equal(await ask(transport), "203.0.113.1");
      assert.equal(server.connections, 1);
      transport.close();
      server.close();
    });
  }

  for (
    const [what, name, ca, host] of [
      ["another name", "other.test", certificates.ca, "127.0.0.1"],
      ["another address", undefined, certificates.ca, "127.0.0.2"],
      ["an authority that nobody vouched for", "dns.test", strangers.ca, "127.0.0.1"],
    ] as const
  ) {
    test(`tells a server with ${what} nothing`, async () => {
      const server = await dotServer();
      const transport = tls(server, name, ca, host);
      await assert.rejects(ask(transport), { name: "NetError" });
      assert.equal(server.queries, 0);
      transport.close();
      server.close();
    });
  }

  test("connects again when the server has closed what was idle", async () => {
    const server = await dotServer(1);
    const transport = tls(server, "dns.test");
    for (let i = 1; i <= 3; i++) assert.equal(await ask(transport), "203.0.113.1");
    assert.equal(server.connections, 3);
    transport.close();
    server.close();
  });

  test("fails where nobody listens", async () => {
    const server = await dotServer();
    server.close();
    const transport = tls(server, "dns.test");
    await assert.rejects(ask(transport), { name: "NetError" });
    transport.close();
  });
});

describe("DNS over HTTPS", { skip }, () => {
  test("asks a server, again over the same connection", async () => {
    const server = await dohServer();
    const transport = https(server);
    for (let i = 1; i <= 3; i++) assert.equal(await ask(transport), "203.0.113.1");
    assert.equal(server.connections, 1);
    transport.close();
    server.close();
  });

  for (
    const [what, host, ca] of [
      ["another name", "localhost", certificates.ca],
      ["an authority that nobody vouched for", "127.0.0.1", strangers.ca],
    ] as const
  ) {
    test(`tells a server with ${what} nothing`, async () => {
      const server = await dohServer();
      const transport = https(server, ca, host);
      await assert.rejects(ask(transport), { name: "NetError" });
      assert.equal(server.queries, 0);
      transport.close();
      server.close();
    });
  }

  test("fails where the server says so", async () => {
    const server = await dohServer(503);
    const transport = https(server);
    await assert.rejects(ask(transport), /: status 503$/);
    transport.close();
    server.close();
  });

  test("can be called off", async () => {
    const server = await dohServer();
    const transport = https(server);
    const cut = new Cut();
    const asked = transport.ask(QUESTION, cut);
    cut.make();
    await assert.rejects(asked, { name: "NetError" });
    transport.close();
    server.close();
  });
});
