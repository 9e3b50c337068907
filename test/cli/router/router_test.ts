import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decode, encode, type Packet } from "dns-packet";
import { Router } from "../../../src/cli/router/router.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { parseConfig } from "../../../src/config/config.ts";
import type { RawOptions } from "../../../src/config/source.ts";
import type { Resolver } from "../../../src/dns/resolver.ts";
import { NetError } from "../../../src/net/error.ts";
import { openNet } from "../../../src/net/open.ts";
import { ScriptedDns } from "../../support/names/dns_server.ts";
import { freePort } from "../../support/network/free_port.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const net = await openNet();
const fault = (error: unknown) => assert.fail(String(error));

/** Knows *.there, and that there is nothing else but what is *.broken. */
const resolver: Resolver = {
  resolve: () => assert.fail(),
  first: (name) => {
    if (name.endsWith(".there")) return Promise.resolve({ hosts: ["192.0.2.1"] });
    return Promise.reject(new NetError(name.endsWith(".broken") ? "name-lookup-failed" : "no-such-name", "no"));
  },
  reverse: () => assert.fail(),
};

/** A router by these flags, which `use` asks: RCODE and data of an answer. */
async function withRouter(
  flags: RawOptions,
  use: (ask: (type: string, name: string) => Promise<readonly unknown[]>, router: Router) => Promise<void>,
): Promise<void> {
  const port = await freePort(net);
  const config = parseConfig({ fakeDns: [`127.0.0.1:${port}`], ...flags });
  const router = new Router(config, { libc: undefined as never, net, workers: 1, fault });
  (await router.claim(config, [])).apply(resolver);
  try {
    await use(async (type, name) => {
      const socket = await net.bindUdp({ host: "127.0.0.1", port: 0 });
      const query = encode({ type: "query", id: 46, questions: [{ type, name } as never] });
      await socket.send([{ bytes: new Uint8Array(query), addr: { host: "127.0.0.1", port } }]);
      const { bytes } = (await socket.receive())![0]!;
      const answer = decode(Buffer.from(bytes)) as Packet;
      socket.close();
      return [bytes[3]! & 15, ...answer.answers!.map((one) => (one as { data: unknown }).data)];
    }, router);
  } finally {
    router.end(true);
  }
}

test("without --fake-dns-check, every name except reserved names has an address", async () => {
  await withRouter({}, async (ask, router) => {
    assert.deepEqual(await ask("A", "www.nowhere"), [0, "198.18.0.1"]);
    assert.deepEqual(await ask("AAAA", "www.nowhere"), [0, "fd46:198:18::1"]);
    for (const name of ["printer.local", "x.invalid", "x.onion"]) assert.deepEqual(await ask("A", name), [3], name);
    assert.deepEqual(router.figures!.queries["no-such-name"], 3);
    assert.equal(router.figures!.names, 1);
  });
});

test("with --fake-dns-check, only names of the real DNS have an address, and a failed check is SERVFAIL", async () => {
  await withRouter({ fakeDnsCheck: true, fakeIpv4: "192.0.2.0/24", fakeIpv6: "fd00::/64" }, async (ask) => {
    assert.deepEqual(await ask("A", "www.there"), [0, "192.0.2.1"]);
    assert.deepEqual(await ask("A", "www.nowhere"), [3]);
    assert.deepEqual(await ask("AAAA", "www.broken"), [2]);
  });
});

test("real servers answer for excluded names, and PTR queries for other addresses", async () => {
  const real = await ScriptedDns.start(net, { host: "127.0.0.1", port: await freePort(net) });
  real.records("A", "www.lan", 60, "192.168.1.9");
  real.records("PTR", "9.1.168.192.in-addr.arpa", 60, "www.lan");
  const dns = [`127.0.0.1:${real.addr.port}`];
  await withRouter({ dns, fakeDnsExclude: [".lan"] }, async (ask) => {
    assert.deepEqual(await ask("A", "www.lan"), [0, "192.168.1.9"]);
    assert.deepEqual(await ask("PTR", "9.1.168.192.in-addr.arpa"), [0, "www.lan"]);
    assert.deepEqual(await ask("A", "www.lan.example"), [0, "198.18.0.1"]);
    assert.deepEqual(await ask("PTR", "1.0.18.198.in-addr.arpa"), [0, "www.lan.example"]);
    assert.deepEqual(real.asked, ["A www.lan", "PTR 9.1.168.192.in-addr.arpa"]);
  });
  real.close();
});

test("a journal keeps addresses across restarts, and a name that cannot be saved gets no address", async () => {
  const folder = temporaryFolder("router"), fakeJournal = join(folder, "names");
  await withRouter({ fakeJournal }, async (ask) => {
    assert.deepEqual(await ask("A", "a.example"), [0, "198.18.0.1"]);
    assert.deepEqual(await ask("A", "b.example"), [0, "198.18.0.2"]);
  });
  await withRouter({ fakeJournal }, async (ask) => {
    assert.deepEqual(await ask("A", "b.example"), [0, "198.18.0.2"]);
    rmSync(folder, { recursive: true });
    assert.deepEqual(await ask("A", "c.example"), [2]);
    assert.deepEqual(await ask("A", "a.example"), [0, "198.18.0.1"], "what is told stays");
  });
  const wrong = () => withRouter({ fakeJournal: "/proc/self/none" }, () => Promise.resolve());
  await assert.rejects(
    wrong,
    (error) => error instanceof ConfigError && /--fake-journal \/proc\/self\/none: E/.test(error.message),
  );
});

test("an impossible configuration is refused with an error", async () => {
  const port = await freePort(net), taken = await net.listen({ host: "127.0.0.1", port });
  const at = (flags: RawOptions) => withRouter(flags, () => Promise.resolve());
  await assert.rejects(
    () => at({ fakeDns: [`127.0.0.1:${port}`] }),
    /Cannot serve --fake-dns on .*: the port is taken, as by dnsmasq/,
  );
  await assert.rejects(
    () => at({ fakeDns: ["127.0.0.1:5399"], dns: ["127.0.0.1:5399"] }),
    /--fake-dns is there, and would ask itself/,
  );
  taken.close();
  await withRouter({}, async (_, router) => {
    const other = parseConfig({});
    (await router.claim(other, [])).apply(resolver);
    const none = new Router(other, { libc: undefined as never, net, workers: 1, fault });
    await assert.rejects(
      () => none.claim(parseConfig({ fakeDns: ["127.0.0.1:5399"] }), []),
      /fake_dns: that needs a restart/,
    );
  });
});
