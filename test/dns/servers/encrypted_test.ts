import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { transportTo } from "../../../src/dns/servers/server.ts";
import type { Transport } from "../../../src/dns/servers/transport.ts";
import { systemClock } from "../../../src/net/clock.ts";
import { Cut } from "../../../src/net/cut.ts";
import { openNet } from "../../../src/net/open.ts";
import { certificatesFor, hasOpenssl } from "../../support/tls/certificates.ts";
import { SecureDns, type Seen } from "../../support/names/secure_dns.ts";
import { skipped } from "../../support/program/skipped.ts";
import { within } from "../../support/program/until.ts";

const QUESTION = { name: "a.test", type: "A" } as const;
const skip = skipped("DNS over TLS and HTTPS", hasOpenssl ? false : "openssl is not here");
const certificates = hasOpenssl ? certificatesFor("DNS:dns.test", "IP:127.0.0.1") : { ca: "", key: "", cert: "" };
const strangers = hasOpenssl ? certificatesFor("DNS:dns.test", "IP:127.0.0.1") : certificates;
const { dotServer, dohServer } = new SecureDns(certificates, "203.0.113.1");
const net = await openNet();

async function ask(transport: Transport): Promise<unknown> {
  const { answers } = await within("an answer", transport.ask(QUESTION, new Cut()));
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
    test(`queries a server with a certificate for ${name ?? "its address"}, over one connection`, async () => {
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
      ["an untrusted authority", "dns.test", strangers.ca, "127.0.0.1"],
    ] as const
  ) {
    test(`sends no query to a server with ${what}`, async () => {
      const server = await dotServer();
      const transport = tls(server, name, ca, host);
      await assert.rejects(ask(transport), { name: "NetError" });
      assert.equal(server.queries, 0);
      transport.close();
      server.close();
    });
  }

  test("reconnects after the server closed the idle connection", async () => {
    const server = await dotServer(1);
    const transport = tls(server, "dns.test");
    for (let i = 1; i <= 3; i++) assert.equal(await ask(transport), "203.0.113.1");
    assert.equal(server.connections, 3);
    transport.close();
    server.close();
  });

  test("reconnects when the kept connection died silently", async () => {
    const server = await dotServer();
    const transport = tls(server, "dns.test");
    assert.equal(await ask(transport), "203.0.113.1");
    server.mute();
    assert.equal(await ask(transport), "203.0.113.1");
    assert.equal(server.connections, 2);
    transport.close();
    server.close();
  });

  test("fails without a listener", async () => {
    const server = await dotServer();
    server.close();
    const transport = tls(server, "dns.test");
    await assert.rejects(ask(transport), { name: "NetError" });
    transport.close();
  });
});

describe("DNS over HTTPS", { skip }, () => {
  test("sends later queries over the same connection", async () => {
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
      ["an untrusted authority", "127.0.0.1", strangers.ca],
    ] as const
  ) {
    test(`sends no query to a server with ${what}`, async () => {
      const server = await dohServer();
      const transport = https(server, ca, host);
      await assert.rejects(ask(transport), { name: "NetError" });
      assert.equal(server.queries, 0);
      transport.close();
      server.close();
    });
  }

  test("reconnects when the kept connection died silently", async () => {
    const server = await dohServer();
    const transport = https(server);
    assert.equal(await ask(transport), "203.0.113.1");
    server.mute();
    assert.equal(await ask(transport), "203.0.113.1");
    assert.equal(server.connections, 2);
    transport.close();
    server.close();
  });

  test("fails with the HTTP status of the server", async () => {
    const server = await dohServer(503);
    const transport = https(server);
    await assert.rejects(ask(transport), /: status 503$/);
    transport.close();
    server.close();
  });

  test("can be cancelled", async () => {
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
