import assert from "node:assert/strict";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Socket } from "node:net";
import type { Status } from "../../../src/admin/status.ts";
import { addressText } from "../../../src/protocol/address.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type SocketAddr, unixAddr } from "../../../src/net/socket.ts";
import { type Certificates, issue } from "../../support/tls/certificates.ts";
import { commandOf } from "../../support/program/command.ts";
import { Load } from "../../support/program/load.ts";
import { type Program, programs, targets, threadedTargets, workers } from "../../support/program/program.ts";
import { ask, greeting, readReply, request } from "../../support/wire/socks.ts";
import { echoServer, listenTcp, type Tcp } from "../../support/wire/tcp.ts";
import { overTls, tlsTest, withoutLibssl } from "../../support/tls/tls_place.ts";
import { until } from "../../support/program/until.ts";

const names = ["IP:127.0.0.1"] as const;

/** A client of a gateway, through TLS, at `to`. */
async function reach(gateway: SocketAddr, ca: string, to: SocketAddr): Promise<Tcp> {
  const client = await overTls(gateway, ca);
  client.write(greeting);
  await client.read(2);
  client.write(request(Command.Connect, to.host, to.port));
  assert.equal((await readReply(client)).reply, Reply.Succeeded);
  return client;
}

async function echoes(client: Tcp, octet: number): Promise<void> {
  client.write(Uint8Array.of(octet));
  assert.deepEqual([...await client.read(1)], [octet]);
}

/** Clients that come one after another. */
function load(gateway: SocketAddr, ca: string, to: SocketAddr): Load {
  return new Load(async () => {
    const client = await reach(gateway, ca, to);
    await echoes(client, 7);
    client.close();
  });
}

const times = (gateway: Program, what: string) => gateway.output().split(what).length - 1;

for (const target of [...targets, ...withoutLibssl]) {
  tlsTest(target, "a unix socket, and a session open at the drain's deadline is cut", async (place) => {
    const echo = await echoServer("127.0.0.1");
    const [own] = issue([{ names }]) as [Certificates];
    const path = join(place.folder, "socks.sock");
    const flags = ["--allow=127.0.0.1", "--drain=100ms", ...workers(target, 2)];
    const gateway = await place.start(target, ...place.listener(own, "own", `unix:${path}`), ...flags);
    for (let i = 0; i < 4; i++) {
      const client = await reach(unixAddr(path), own.ca, echo.addr);
      await echoes(client, i);
      client.close();
    }
    const late = await reach(unixAddr(path), own.ca, echo.addr);
    assert.equal(await gateway.stop(), 0);
    await late.end();
    assert.match(gateway.output(), /drained cut=1/);
    echo.close();
  });

  tlsTest(target, "reloads under load lose no session", async (place) => {
    const echo = await echoServer("127.0.0.1");
    const [own] = issue([{ names }]) as [Certificates];
    const gateway = await place.start(target, ...place.listener(own), "--allow=127.0.0.1", ...workers(target, 2));
    const lasting = await reach(gateway.addrs[0]!, own.ca, echo.addr);
    const loaded = load(gateway.addrs[0]!, own.ca, echo.addr);
    for (let i = 1; i <= 3; i++) {
      gateway.signal("SIGHUP");
      await until("it has reloaded", () => times(gateway, "info reloaded") === i);
      await loaded.more("there is load", 10);
    }
    await loaded.stop();
    await echoes(lasting, 9);
    lasting.close();
    assert.doesNotMatch(gateway.output(), /fault|worker died|turned away/);
    assert.equal(await gateway.stop(), 0);
    echo.close();
  });

  tlsTest(target, "the admin endpoint lists sessions with their clients, and ends them", async (place) => {
    const echo = await echoServer("127.0.0.1");
    const [own] = issue([{ names }]) as [Certificates];
    const token = `--admin-token-file=${place.file("token", "some-token-of-a-test")}`;
    const open = ["--allow=127.0.0.1", "--admin=127.0.0.1:0", token];
    const gateway = await place.start(target, ...place.listener(own), ...open);
    const at = [`--admin=${addressText(gateway.admin!)}`, token];
    const clients = [];
    for (let i = 0; i < 3; i++) clients.push(await reach(gateway.addrs[0]!, own.ca, echo.addr));
    const headers = { authorization: "Bearer some-token-of-a-test" };
    const sessions = async () => {
      const status = await fetch(`http://${addressText(gateway.admin!)}/api/status`, { headers });
      return (await status.json() as Status).sessions;
    };
    const [, middle] = clients as [Tcp, Tcp, Tcp];
    let id: number | undefined;
    await until("it is in the list", async () => {
      id = (await sessions()).find(({ client }) => client === `127.0.0.1:${middle.socket.localPort}`)?.id;
      return id !== undefined;
    });
    assert.equal((await commandOf(target, ["sessions", "end", String(id), ...at])).code, 0);
    await middle.end();
    for (const client of clients) if (client !== middle) await echoes(client, 5);
    await until("it is gone from the list", async () => (await sessions()).length === 2);
    await until("it is in the log", () => gateway.output().includes("end=ended-by-operator"));
    for (const client of clients) client.close();
    await gateway.stop();
    echo.close();
  });

  tlsTest(target, "SIGTERM loses no octet in transit", async (place) => {
    const sizes = [64 << 10, 1 << 20, 3 << 20, 8 << 20];
    const source = await listenTcp("127.0.0.1", ({ socket }) => {
      socket.once("data", (which: Uint8Array) => socket.end(new Uint8Array(sizes[which[0]!]!).fill(which[0]!)));
    });
    const [own] = issue([{ names }]) as [Certificates];
    const open = ["--allow=127.0.0.1", "--host=source.test=127.0.0.1"];
    const gateway = await place.start(target, ...place.listener(own), ...open, "--drain=10m");
    const front = await place.start(
      target,
      "--listen=127.0.0.1:0",
      `--via=socks5s://127.0.0.1:${gateway.addrs[0]!.port}`,
      `--via-ca=${place.file("ca.pem", own.ca)}`,
    );
    // Through a front, which ends its way in TLS when its client does.
    const clients = await Promise.all(sizes.map(async (_, which) => {
      const { client, reply } = await ask(front.addrs[0]!, Command.Connect, "source.test", source.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      client.socket.pause();
      client.socket.end(Uint8Array.of(which));
      return client;
    }));
    await until("the smallest is all under way", () => times(gateway, "end=end") >= 1);
    gateway.signal("SIGTERM");
    await until("it drains", () => /draining/.test(gateway.output()));
    for (const client of clients) client.socket.resume();
    for (const [which, client] of clients.entries()) {
      const got = await client.rest();
      assert.equal(got.length, sizes[which]);
      assert.ok(got.every((octet) => octet === which));
    }
    assert.equal(await gateway.exited, 0);
    assert.match(gateway.output(), /drained cut=0/);
    source.close();
  });

  tlsTest(target, "a connection cut between gateways is a reset for the client", async (place) => {
    const [own] = issue([{ names }]) as [Certificates];
    const source = await listenTcp("127.0.0.1", ({ socket }) => void socket.write("some"));
    const open = ["--allow=127.0.0.1", "--host=source.test=127.0.0.1"];
    const gateway = await place.start(target, ...place.listener(own), ...open);
    const held: Socket[] = [];
    // Who stands between, ends the connection in both directions with what has been said until then.
    const between = await listenTcp("127.0.0.1", ({ socket }) => {
      const on = connect(gateway.addrs[0]!);
      socket.pipe(on, { end: false });
      on.pipe(socket, { end: false });
      held.push(socket);
    });
    const front = await place.start(
      target,
      "--listen=127.0.0.1:0",
      `--via=socks5s://127.0.0.1:${between.addr.port}`,
      `--via-ca=${place.file("ca.pem", own.ca)}`,
      "--probe-interval=0",
    );
    const { client } = await ask(front.addrs[0]!, Command.Connect, "source.test", source.addr.port);
    assert.equal(new TextDecoder().decode(await client.read(4)), "some");
    for (const socket of held) socket.end();
    assert.equal(await client.end(), "ECONNRESET");
    await until("the log tells", () => /end=reset/.test(front.output()));
    between.close();
    source.close();
  });
}

for (const target of threadedTargets) {
  tlsTest(target, "a successor takes over the listeners, and no client is refused", async (place) => {
    const echo = await echoServer("127.0.0.1");
    const [own] = issue([{ names }]) as [Certificates];
    const flags = ["--allow=127.0.0.1", "--drain=100s", ...workers(target, 2)];
    const predecessor = await place.start(target, ...place.listener(own), ...flags);
    const [addr] = predecessor.addrs as [SocketAddr];
    const lasting = await reach(addr, own.ca, echo.addr);
    const loaded = load(addr, own.ca, echo.addr);
    const successor = await place.start(
      target,
      ...place.listener(own, "own", `${addr.host}:${addr.port}`),
      ...flags,
      `--take-over=${predecessor.child.pid}`,
    );
    await until("the predecessor waits for its last session", () => /draining sessions=1/.test(predecessor.output()));
    await loaded.more("the successor serves");
    await echoes(lasting, 3);
    lasting.close();
    assert.equal(await predecessor.exited, 0);
    await loaded.stop();
    assert.equal(await successor.stop(), 0);
    echo.close();
  });
}

for (const target of programs) {
  tlsTest(
    target,
    "--watch loads a renewed certificate, by replaced symbolic links as certbot's, or written in place",
    async (place) => {
      const all = issue([{ names }]).concat(issue([{ names }]), issue([{ names }]));
      const [first, second, third] = all as [Certificates, Certificates, Certificates];
      mkdirSync(join(place.folder, "live"));
      const put = ({ cert, key }: Certificates, version: number) => {
        for (const [what, text] of [["cert", cert], ["key", key]] as const) {
          place.file(`${what}${version}.pem`, text);
          const link = join(place.folder, "live", `${what}.pem`);
          symlinkSync(join(place.folder, `${what}${version}.pem`), `${link}.new`);
          renameSync(`${link}.new`, link);
        }
      };
      put(first, 1);
      const [cert, key] = ["cert", "key"].map((what) => join(place.folder, "live", `${what}.pem`)) as [string, string];
      const watching = ["--watch", ...workers(target, 2)];
      const files = [`--tls-cert=${cert}`, `--tls-key=${key}`];
      const gateway = await place.start(target, "--listen=socks5s://127.0.0.1:0", ...files, ...watching);
      const shows = async ({ ca }: Certificates) => {
        for (let i = 0; i < 4; i++) (await overTls(gateway.addrs[0]!, ca)).close(); // of each worker
      };
      await shows(first);
      put(second, 2);
      await until("it has reloaded", () => times(gateway, "info reloaded") === 1);
      await shows(second);
      await assert.rejects(shows(first));
      writeFileSync(cert, third.cert);
      writeFileSync(key, third.key);
      await until("it has reloaded again", () => times(gateway, "info reloaded") === 2);
      await shows(third);
    },
  );

  tlsTest(target, "the metrics and the log have the expiry of the certificate that was read last", async (place) => {
    const [expired, renewed] = issue([{ names, days: -1 }, { names, days: 90 }]) as [Certificates, Certificates];
    const flags = place.listener(expired);
    const gateway = await place.start(target, ...flags, "--admin=127.0.0.1:0");
    const daysLeft = async () => {
      const text = await (await fetch(`http://127.0.0.1:${gateway.admin!.port}/metrics`)).text();
      const at = /^gate46_tls_certificate_expiry_timestamp_seconds\{option="tls-cert"\} (.*)$/m.exec(text)![1];
      return (Number(at) - Date.now() / 1_000) / 86_400;
    };
    const warning = /Cannot use the certificate of --tls-cert any more: it expired at \S+Z/;
    assert.match(gateway.output(), warning);
    const checked = place.file(
      "gate46.toml",
      'listen = ["socks5s://:1080"]\nfrom = ["::/0"]\ntls_cert = "own.cert"\ntls_key = "own.key"\n',
    );
    assert.match((await commandOf(target, ["check", checked])).stderr, warning);
    const { code, stdout } = await commandOf(target, ["doctor", ...flags]);
    assert.match(stdout, /^problem +TLS +--tls-cert expired at \S+Z\n +change: renew the certificate, then reload$/m);
    assert.equal(code, 1);
    place.listener(renewed);
    assert.ok(await daysLeft() < 0, "files are not what holds");
    gateway.signal("SIGHUP");
    await until("it has reloaded", () => times(gateway, "info reloaded") === 1);
    const left = await daysLeft();
    assert.ok(left > 89 && left <= 90, String(left));
    assert.doesNotMatch((await commandOf(target, ["check", checked])).stderr, /tls-cert/);
  });
}
