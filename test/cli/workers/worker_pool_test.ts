import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { exposition, formats } from "../../../src/admin/aggregate.ts";
import { WorkerPool } from "../../../src/cli/workers/worker_pool.ts";
import type { Event } from "../../../src/events.ts";
import { type ClaimedPort, claimPort } from "../../../src/net/linux/tcp_listener.ts";
import { claimUnix } from "../../../src/net/linux/unix_listener.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { openLibc } from "../../support/linux_net.ts";
import { MemoryResolver } from "../../support/memory_resolver.ts";
import { skipped } from "../../support/skipped.ts";
import { ask } from "../../support/socks.ts";
import { echoServer, listenTcp, type Tcp } from "../../support/tcp.ts";
import { until } from "../../support/until.ts";

const libc = await openLibc();
const skip = skipped("worker_pool_test.ts", libc ? false : "the Linux engine cannot run here");
const entry = new URL("../../support/dying_worker.ts", import.meta.url);

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

async function startPool(
  count: number,
  events: Event[],
  { addr, descriptor }: ClaimedPort = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 }),
): Promise<{ pool: WorkerPool; addr: SocketAddr }> {
  const flags = { allow: ["127.0.0.1"], logLevel: "error" };
  const emit = (event: Event) => void events.push(event);
  const pool = await WorkerPool.start({ libc: libc!, entry, count, emit }, {
    setup: {
      config: { environment: {}, flags, secrets: {} },
      listen: [{ addr, descriptor, tls: false }],
      otherListeners: [],
    },
    naming: { resolver: new MemoryResolver(), servers: [], close: () => {} },
    source: { open: () => assert.fail("no TLS here"), close: () => {} },
    authenticator: undefined,
  });
  return { pool, addr };
}

/** A session that echoes, through the pool. */
async function echoing(addr: SocketAddr, echo: SocketAddr): Promise<Tcp> {
  const { client, reply } = await ask(addr, Command.Connect, echo.host, echo.port);
  assert.equal(reply.reply, Reply.Succeeded);
  client.write(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...await client.read(3)], [1, 2, 3]);
  return client;
}

test(
  "a worker that dies is told of and replaced, its descriptors are closed, and the others go on",
  { skip },
  async () => {
    const events: Event[] = [];
    const echo = await echoServer("127.0.0.1");
    const { pool, addr } = await startPool(3, events);
    const settled = descriptors();
    const sessions = await Promise.all(Array.from({ length: 30 }, () => echoing(addr, echo.addr)));
    assert.equal(pool.sessionCount, 30);

    const killed = ask(addr, Command.Connect, "die.example", 80).catch(() => {});
    await until("the death is told", () => events.some(({ type }) => type === "worker-died"));
    const death = events.find((event) => event.type === "worker-died")!;
    assert.match(String(death.error), /a bug in worker \d/);

    const left = pool.sessionCount;
    assert.equal(left, 31 - death.sessions);
    let alive = 0, ended = 0;
    for (const client of sessions) {
      try {
        client.write(Uint8Array.of(4));
        if ((await client.read(1))[0] === 4) alive++;
      } catch {
        ended++;
      }
    }
    assert.equal(alive, left);
    assert.equal(alive + ended, 30);
    for (const client of sessions) client.close();
    await killed;

    await until("all are back, each with what it needs and no more", () => pool.sessionCount === 0);
    for (let i = 0; i < 20; i++) (await echoing(addr, echo.addr)).close();
    await until("descriptors are as they were", () => descriptors() <= settled);
    await pool.drain(1_000);
    assert.equal(events.at(-1)?.type, "drained");
    echo.close();
  },
);

test("what a worker has counted counts on when it hangs or has died, and its gauges only when it hangs", {
  skip,
  timeout: 60_000,
}, async () => {
  const events: Event[] = [];
  const echo = await echoServer("127.0.0.1");
  const { pool, addr } = await startPool(1, events);
  const figures = async () => {
    const text = await exposition(await pool.metrics(), formats[0]);
    const figure = (name: string) => Number(new RegExp(`^gate46_${name} (\\d+)$`, "m").exec(text)?.[1]);
    return {
      ended: figure('sessions_ended_total{end="end"}'),
      timed: figure('session_seconds_count{relay="A"}'),
      now: figure("sessions"),
    };
  };
  let came = 0;
  const assertNobodyForgotten = async () => {
    const { clients } = await pool.activity({ most: 10 });
    assert.ok(clients >= came, `${clients} after ${came}`);
    came = clients;
  };
  const endOne = async () => {
    const client = await echoing(addr, echo.addr);
    client.socket.end();
    await client.rest();
  };
  for (let i = 0; i < 3; i++) await endOne();
  await until("three are counted", async () => (await figures()).ended === 3);
  const staying = await echoing(addr, echo.addr);
  assert.deepEqual(await figures(), { ended: 3, timed: 3, now: 1 });
  await assertNobodyForgotten();
  assert.equal(came, 4);
  for (let deaths = 1; deaths <= 2; deaths++) {
    await ask(addr, Command.Connect, "die.example", 80).catch(() => {});
    await until("the death is told", () => events.filter(({ type }) => type === "worker-died").length === deaths);
    await until("another is there", async () => (await figures()).now === 0);
    assert.deepEqual(await figures(), { ended: 2 + deaths, timed: 2 + deaths, now: 0 });
    await endOne();
    await until("one more is counted", async () => (await figures()).ended === 3 + deaths);
    await assertNobodyForgotten();
  }
  const hung = ask(addr, Command.Connect, "hang.example", 80).catch(() => {});
  await until("it does not answer", async () => {
    const before = performance.now();
    await figures();
    return performance.now() - before > 900;
  });
  assert.equal((await figures()).ended, 5);
  await assertNobodyForgotten();
  assert.equal(came, 6);
  staying.close();
  await pool.drain(0);
  await hung;
  echo.close();
});

test("a worker that hangs is known to, and known again when it goes on", { skip, timeout: 60_000 }, async () => {
  const { pool, addr } = await startPool(1, []);
  await until("it has said how it is", () => pool.vitals().silentWorkers === 0);
  const { heardAt } = pool.vitals();
  const hung = ask(addr, Command.Connect, "hang.example", 80).catch(() => {});
  await until("it is silent", () => pool.vitals().silentWorkers === 1, 20_000);
  assert.ok(pool.vitals().heardAt - heardAt < 10_000, "and was not heard of meanwhile");
  await until("it goes on", () => pool.vitals().silentWorkers === 0, 20_000);
  await pool.drain(0);
  await hung;
});

test("workers accept from one unix socket, and one that died leaves nobody waiting", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "gate46-pool-"));
  const claim = await claimUnix(libc!, join(folder, "s.sock"), {});
  const echo = await echoServer("127.0.0.1");
  const events: Event[] = [];
  const { pool, addr } = await startPool(3, events, claim);
  const sessions = await Promise.all(Array.from({ length: 60 }, () => echoing(addr, echo.addr)));
  const { sessions: views } = await pool.activity({ most: 100, filter: "" });
  assert.deepEqual(new Set(views.map(({ client }) => client)), new Set([`unix:${addr.unix}`]));
  for (let deaths = 1; deaths <= 2; deaths++) {
    await ask(addr, Command.Connect, "die.example", 80).catch(() => {});
    await until("the death is told", () => events.filter(({ type }) => type === "worker-died").length === deaths);
    for (let i = 0; i < 30; i++) (await echoing(addr, echo.addr)).close();
  }
  for (const client of sessions) client.close();
  await until("all are gone", () => pool.sessionCount === 0);
  await pool.drain(1_000);
  claim.release();
  assert.deepEqual(readdirSync(folder), []);
  rmSync(folder, { recursive: true });
  echo.close();
});

test("a port that another program listens on is refused, though listeners could share it", { skip }, async () => {
  const taken = await listenTcp("127.0.0.1", () => {});
  assert.throws(() => claimPort(libc!, {}, taken.addr), { kind: "address-in-use" });
  taken.close();
});
