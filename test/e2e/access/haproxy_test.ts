import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../../src/admin/status.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { decodeDatagram, encodeDatagram } from "../../../src/protocol/datagram.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { type Front, startFront } from "../../support/network/front.ts";
import { type Program, programs, start, type Target, targets } from "../../support/program/program.ts";
import { Load } from "../../support/program/load.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask, destination, readReply } from "../../support/wire/socks.ts";
import { echoServer, Tcp, unusedPort } from "../../support/wire/tcp.ts";
import { echoUdp, Udp } from "../../support/wire/udp.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped(
  "haproxy_test.ts",
  spawnSync("haproxy", ["-v"]).status === 0 ? false : "haproxy is not here",
);

const file = readFileSync(join(projectRoot, "scripts/deploy/haproxy/haproxy.cfg"), "utf8");

/** HAProxy's own address, as on another host. */
const PROXY = "127.0.0.46";

/** HAProxy by the file that the project gives out, with other addresses. */
async function startHaproxy(gateways: readonly Program[]): Promise<Front> {
  const addr = { host: PROXY, port: await unusedPort(PROXY) };
  const text = (at: SocketAddr) => `${at.host}:${at.port}`;
  let config = file.replace("bind :::1080 v4v6", `bind ${text(addr)}`).replace("inter 1s", "inter 100ms")
    .replace("timeout check 2s", "timeout check 1m").replace("timeout connect 5s", "timeout connect 1m") // on a busy machine
    .replace("maxconn 20000", "maxconn 200").replace("default-server ", `default-server source ${PROXY} `);
  gateways.forEach(({ addrs: [socks], admin }, i) => {
    config = config.replace(`192.0.2.1${i + 1}:1080 port 10846`, `${text(socks!)} port ${admin!.port}`);
  });
  assert.doesNotMatch(config.replaceAll(/^\s*#.*$/gm, ""), /192\.0\.2/);
  return await startFront(["haproxy", "-db", "-f"], config, addr);
}

/** A gateway as the file says; `at` is one that has gone, whose place it takes. */
async function startGateway(target: Target, drainDelay: string, at?: Program): Promise<Program> {
  const free = () => unusedPort("127.0.0.1"); // which nobody has by the time that another takes its place
  return await start(target, [
    "--allow=127.0.0.1",
    "--from=127.0.0.1",
    `--proxy-protocol-from=${PROXY}`,
    `--drain-delay=${drainDelay}`,
    `--listen=127.0.0.1:${at?.addrs[0]?.port ?? await free()}`,
    `--admin=127.0.0.1:${at?.admin?.port ?? await free()}`,
  ]);
}

async function statusOf({ admin }: Program): Promise<Status> {
  return await (await fetch(`http://${admin!.host}:${admin!.port}/api/status`)).json() as Status;
}

async function connect(front: Front, to: SocketAddr): Promise<Tcp> {
  const { client, reply } = await ask(front.addr, Command.Connect, to.host, to.port);
  assert.equal(reply.reply, Reply.Succeeded);
  return client;
}

/** A session with an echo server, to which bytes go as long as they come back as they were. */
class Transfer {
  readonly ended: Promise<void>;
  sent = 0;
  #over = false;

  constructor(client: Tcp) {
    this.ended = this.#run(client);
    this.ended.catch(() => {}); // whoever awaits it is told
  }

  async #run(client: Tcp): Promise<void> {
    while (!this.#over) {
      const chunk = randomBytes(16_384);
      client.write(chunk);
      assert.ok(chunk.equals(await client.read(chunk.length)));
      this.sent += chunk.length;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    client.socket.end();
    assert.equal((await client.rest()).length, 0);
    client.close();
  }

  /** More has gone through. */
  goesOn(): Promise<void> {
    const before = this.sent;
    return until("a transfer goes on", () => this.sent > before + 100_000);
  }

  finish(): Promise<void> {
    this.#over = true;
    return this.ended;
  }
}

for (const target of targets) {
  test(
    `HAProxy in front of two gateways, ${target.name}: each gateway drains and restarts in turn; no request fails, no byte is lost, the log has the clients' addresses`,
    { skip },
    async () => {
      const echo = await echoServer("127.0.0.1");
      const first = await startGateway(target, "4s"), second = await startGateway(target, "4s");
      const haproxy = await startHaproxy([first, second]);
      const load = new Load(async () => {
        const client = await connect(haproxy, echo.addr);
        client.write("?");
        assert.equal((await client.read(1)).length, 1);
        client.close();
      });
      await load.more("both serve");
      const all = [first, second];
      for (const gateway of [first, second]) {
        const transfers = await Promise.all(
          Array.from({ length: 4 }, async () => new Transfer(await connect(haproxy, echo.addr))),
        );
        await Promise.all(transfers.map((transfer) => transfer.goesOn()));
        await until("it has one of them", async () => {
          const has = (await statusOf(gateway)).sessions.some(({ up }) => up > 1);
          // HAProxy gives them to whom has fewer at that moment, the load and all.
          if (!has) transfers.push(new Transfer(await connect(haproxy, echo.addr)));
          return has;
        });
        gateway.signal("SIGTERM");
        await until("it drains", () => / draining /.test(gateway.output()));
        await Promise.all(transfers.map((transfer) => transfer.goesOn()));
        await load.more("the other serves alone");
        await Promise.all(transfers.map((transfer) => transfer.finish()));
        assert.equal(await gateway.exited, 0);
        assert.match(gateway.output(), /info drained cut=0\n/);
        const again = await startGateway(target, "4s", gateway);
        await until("the one that came back serves", () => /info session .* end=end/.test(again.output()));
        all.push(again);
      }
      await load.stop();
      await haproxy.stop();
      assert.deepEqual(await Promise.all(all.slice(2).map((gateway) => gateway.stop())), [0, 0]);
      for (const { output } of all) {
        assert.match(output(), /client=127\.0\.0\.1:\d+ .* end=end/);
        assert.doesNotMatch(output(), /client=127\.0\.0\.46|turned away|fault/);
      }
      echo.close();
    },
  );

  test(
    `BIND and UDP through HAProxy, ${target.name}: the client exchanges datagrams with the gateway directly, and datagrams from other hosts are dropped`,
    { skip },
    async () => {
      const gateway = await startGateway(target, "0s"), other = await startGateway(target, "0s");
      const haproxy = await startHaproxy([gateway, other]);
      const echo = await echoUdp("127.0.0.1");

      const association = await ask(haproxy.addr, Command.UdpAssociate, "0.0.0.0", 0);
      const { bound } = association.reply;
      assert.deepEqual([association.reply.reply, bound.host], [Reply.Succeeded, "127.0.0.1"]);
      const client = await Udp.bind("127.0.0.1"), stranger = await Udp.bind(PROXY);
      const payload = new Uint8Array(randomBytes(1_000));
      const datagram = encodeDatagram({
        fragment: 0,
        address: destination(echo.addr.host, echo.addr.port),
        payload,
      });
      await stranger.send(datagram, bound);
      await client.send(datagram, bound);
      assert.deepEqual(decodeDatagram((await client.receive()).bytes).payload, payload);
      assert.equal(stranger.waiting, 0);
      association.client.close();

      const bind = await ask(haproxy.addr, Command.Bind, "127.0.0.1", 0);
      assert.equal(bind.reply.reply, Reply.Succeeded);
      const peer = await Tcp.to(bind.reply.bound);
      assert.equal((await readReply(bind.client)).bound.port, peer.socket.localPort);
      peer.write("come");
      assert.equal(new TextDecoder().decode(await bind.client.read(4)), "come");
      for (const socket of [client, stranger, echo]) socket.close();
      for (const socket of [peer, bind.client]) socket.close();
      await haproxy.stop();
      assert.deepEqual(await Promise.all([gateway.stop(), other.stop()]), [0, 0]);
      assert.match(gateway.output() + other.output(), /command=udp-associate .* dropped_stranger=1 /);
    },
  );
}

for (const target of programs) {
  test(
    `HAProxy in front of two gateways, ${target.name}: one gateway is killed; only its sessions end, and no new session fails`,
    { skip },
    async () => {
      const echo = await echoServer("127.0.0.1");
      const killed = await startGateway(target, "0s"), other = await startGateway(target, "0s");
      const haproxy = await startHaproxy([killed, other]);
      const transfers = await Promise.all(
        Array.from({ length: 6 }, async () => new Transfer(await connect(haproxy, echo.addr))),
      );
      await Promise.all(transfers.map((transfer) => transfer.goesOn()));
      const had = (await statusOf(killed)).sessions.length;
      assert.ok(had > 0);
      assert.equal(had + (await statusOf(other)).sessions.length, transfers.length);
      killed.signal("SIGKILL");
      await killed.exited;
      const ends = transfers.map((transfer) => transfer.ended.then(() => "finished", () => "broken"));
      let broken = 0;
      for (const end of ends) void end.then((how) => broken += how === "broken" ? 1 : 0);
      for (let i = 0; i < 10; i++) (await connect(haproxy, echo.addr)).close();
      await until("what it had is told to have ended", () => broken === had);
      await Promise.all(transfers.map((transfer) => transfer.finish().catch(() => {})));
      assert.equal(broken, had);
      await haproxy.stop();
      assert.equal(await other.stop(), 0);
      echo.close();
    },
  );
}
