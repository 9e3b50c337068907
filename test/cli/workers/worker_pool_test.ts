import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { packRules } from "../../../src/gateway/rules/packed_rules.ts";
import { isDeepStrictEqual } from "node:util";
import { exposition, formats } from "../../../src/admin/counted/aggregate.ts";
import { placeOf } from "../../../src/admin/history/series.ts";
import { WORKER_SILENT_MS } from "../../../src/admin/readiness.ts";
import type { SessionView } from "../../../src/admin/status.ts";
import type { Provision } from "../../../src/cli/workers/provision.ts";
import { WorkerPool } from "../../../src/cli/workers/worker_pool.ts";
import { type Question, Rcode } from "../../../src/dns/servers/message.ts";
import type { Event } from "../../../src/events.ts";
import { ProbeTurns } from "../../../src/gateway/upstreams/probe_turns.ts";
import { countersMemory } from "../../../src/gateway/limits/counters.ts";
import type { Libc } from "../../../src/net/kernel/libc/libc.ts";
import { type ClaimedPort, claimPort } from "../../../src/net/linux/tcp_listener.ts";
import { claimUnix } from "../../../src/net/linux/unix_listener.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { mayHang } from "../../support/program/hanging.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { MemoryResolver } from "../../support/memory/memory_resolver.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, listenTcp, type Tcp } from "../../support/wire/tcp.ts";
import { TestClock } from "../../support/memory/test_clock.ts";
import { until, within } from "../../support/program/until.ts";

const libc = await openLibc();
const skip = skipped("worker_pool_test.ts", libc ? false : "the Linux engine cannot run here");
const entry = new URL("../../support/program/dying_worker.ts", import.meta.url);

/** Workers say how they are so much sooner. */
const HASTE = 20;

/** A worker that does not do what it is told to, or does not tell, is given up after so long; one that died is replaced by then (ms). */
const DONE_MS = 5_000, LOOK_MS = 1_000, REPLACED_MS = 2_000;

function counted(workers: number): SharedArrayBuffer {
  return countersMemory(workers + 1, (size) => new SharedArrayBuffer(size));
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

function provision(
  { addr, descriptor }: ClaimedPort,
  { resolver = new MemoryResolver(), ...flags }: { resolver?: MemoryResolver; allow?: string[]; logFile?: string } = {},
): Provision {
  const ask = async ({ name }: Question) => {
    await resolver.resolve(name);
    return { rcode: Rcode.NxDomain, truncated: false, answers: [], authorities: [], whole: true };
  };
  return {
    setup: {
      probes: ProbeTurns.memory(),
      // A DNS server that wants TLS is asked by the main thread, so that a worker has to speak of each name.
      config: {
        environment: {},
        flags: { allow: ["127.0.0.1"], logLevel: "error", dns: ["tls://192.0.2.53"], ...flags },
        secrets: {},
      },
      rules: packRules([]),
      listen: [{ addr, descriptor, tls: false, only: undefined }],
      otherListeners: [],
    },
    naming: { resolver, servers: [{ name: "memory", ask, close: () => {} }], close: () => {} },
    source: { open: () => assert.fail("no TLS here"), close: () => {} },
    authenticator: undefined,
    takeStep: () => assert.fail("no GSSAPI here"),
  };
}

async function startPool(
  count: number,
  events: Event[],
  port: ClaimedPort = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 }),
): Promise<{ pool: WorkerPool; addr: SocketAddr; clock: TestClock }> {
  const emit = (event: Event) => void events.push(event);
  const clock = new TestClock();
  const options = { libc: libc!, entry, count, counters: counted(count), emit, clock, haste: HASTE };
  const pool = await WorkerPool.start(options, provision(port));
  return { pool, addr: port.addr, clock };
}

/** A session that echoes, through the pool. */
async function echoing(addr: SocketAddr, echo: SocketAddr): Promise<Tcp> {
  const { client, reply } = await ask(addr, Command.Connect, echo.host, echo.port);
  assert.equal(reply.reply, Reply.Succeeded);
  client.write(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...await client.read(3)], [1, 2, 3]);
  return client;
}

/** Has the only worker hang. Returns how to let it go on, which resolves when it does, or has ended. */
async function hang(addr: SocketAddr): Promise<() => Promise<unknown>> {
  const { hangs, letGo } = mayHang();
  const hung = ask(addr, Command.Connect, "hang.example", 80).catch(() => {});
  await until("it hangs", hangs);
  return () => {
    letGo();
    return hung;
  };
}

test(
  "a dead worker is reported and replaced, its descriptors are closed, and other workers continue",
  { skip },
  async () => {
    const events: Event[] = [];
    const echo = await echoServer("127.0.0.1");
    const { pool, addr, clock } = await startPool(3, events);
    // What workers open when their first clients come is no leak.
    for (let i = 0; i < 30; i++) (await echoing(addr, echo.addr)).close();
    await until("none is left of these", () => pool.sessionCount === 0);
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

    await clock.advance(REPLACED_MS);
    await until("all are back, each with what it needs and no more", () => pool.sessionCount === 0);
    for (let i = 0; i < 20; i++) (await echoing(addr, echo.addr)).close();
    await until("descriptors are as they were", () => descriptors() <= settled);
    await pool.drain(1_000);
    assert.equal(events.at(-1)?.type, "drained");
    echo.close();
  },
);

test("the counters of a hanging or dead worker stay, its gauges stay only while it hangs", {
  skip,
  timeout: 120_000,
}, async () => {
  const events: Event[] = [];
  const echo = await echoServer("127.0.0.1");
  const { pool, addr, clock } = await startPool(1, events);
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
  /** Clients of all that workers told unasked: what the history is made of. */
  const remembered = () =>
    events.reduce((sum, event) => sum + (event.type === "thread-counted" ? event.counts[placeOf.clients]! : 0), 0);
  const endOne = async () => {
    const client = await echoing(addr, echo.addr);
    client.socket.end();
    await client.rest();
  };
  /** A worker that is slow to answer is told of as it was before. */
  const comeTo = (ended: number, now: number) =>
    until(
      `${ended} have ended and ${now} are there`,
      async () => isDeepStrictEqual(await figures(), { ended, timed: ended, now }),
    );
  for (let i = 0; i < 3; i++) await endOne();
  await comeTo(3, 0);
  const staying = await echoing(addr, echo.addr);
  await comeTo(3, 1);
  await assertNobodyForgotten();
  assert.equal(came, 4);
  for (let deaths = 1; deaths <= 2; deaths++) {
    await ask(addr, Command.Connect, "die.example", 80).catch(() => {});
    await until("the death is told", () => events.filter(({ type }) => type === "worker-died").length === deaths);
    await clock.advance(REPLACED_MS);
    await comeTo(2 + deaths, 0);
    const before = remembered();
    await endOne();
    await comeTo(3 + deaths, 0);
    await until("the history goes on", () => remembered() === before + 1);
    await assertNobodyForgotten();
  }
  const other = await echoing(addr, echo.addr);
  await comeTo(5, 1);
  const goOn = await hang(addr);
  const looks = Promise.all([figures(), assertNobodyForgotten()]);
  await clock.advance(LOOK_MS);
  const [{ ended, now }] = await looks;
  assert.deepEqual([ended, now], [5, 1]);
  await goOn();
  staying.close();
  other.close();
  await pool.drain(0);
  echo.close();
});

test("a hanging worker is detected, and so is its recovery", { skip, timeout: 120_000 }, async () => {
  const { pool, addr, clock } = await startPool(1, []);
  await until("it has said how it is", () => pool.vitals().silentWorkers === 0);
  const goOn = await hang(addr);
  const { heardAt } = pool.vitals();
  await clock.advance(WORKER_SILENT_MS);
  assert.equal(pool.vitals().silentWorkers, 0);
  await clock.advance(1);
  assert.equal(pool.vitals().silentWorkers, 1);
  assert.equal(pool.vitals().heardAt, heardAt);
  await goOn();
  await until("it goes on", () => pool.vitals().silentWorkers === 0);
  await pool.drain(0);
});

test("a hanging worker delays neither reload nor exit, and gets the current state when it recovers", {
  skip,
  timeout: 120_000,
}, async () => {
  const events: Event[] = [];
  const echo = await echoServer("127.0.0.1");
  const port = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 });
  const { pool, addr, clock } = await startPool(1, events, port);
  let goOn = await hang(addr);
  const refused = assert.rejects(pool.reload(provision(port, { allow: [] })), {
    kind: "timed-out",
    message: "Cannot reload: a worker does not answer",
  });
  await clock.advance(DONE_MS); // the reload
  await clock.advance(DONE_MS); // what takes it back
  await refused;
  await goOn();
  (await echoing(addr, echo.addr)).close();
  await pool.reload(provision(port, { allow: [] }));
  const { client, reply } = await ask(addr, Command.Connect, echo.addr.host, echo.addr.port);
  assert.equal(reply.reply, Reply.NotAllowed);
  client.close();

  goOn = await hang(addr);
  const drained = pool.drain(0);
  await clock.advance(DONE_MS);
  await within("the end", drained); // it would hang for longer
  assert.equal(events.at(-1)?.type, "drained");
  assert.equal(events.some(({ type }) => type === "fault"), false);
  await goOn();
  echo.close();
});

test("a worker that dies during a reload or a drain delays neither, and its replacement has the full state", {
  skip,
  timeout: 60_000,
}, async () => {
  const events: Event[] = [];
  const echo = await echoServer("127.0.0.1");
  const port = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 });
  const { pool, addr, clock } = await startPool(2, events, port);
  const die = () => ask(addr, Command.Connect, "die.example", 80).catch(() => {});
  const deaths = () => events.filter(({ type }) => type === "worker-died").length;
  for (let i = 1; i <= 4; i++) {
    const died = die();
    for (let j = 0; j < 5; j++) await pool.reload(provision(port, { allow: i % 2 ? [] : ["127.0.0.1"] }));
    await died;
    await until("the death is told", () => deaths() === i);
    await clock.advance(REPLACED_MS);
    assert.equal(pool.vitals().silentWorkers, 0, "another is there");
    const wanted = i % 2 ? Reply.NotAllowed : Reply.Succeeded;
    for (let j = 0; j < 10; j++) {
      const { client, reply } = await ask(addr, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, wanted);
      client.close();
    }
  }
  const sessions = await Promise.all(Array.from({ length: 6 }, () => echoing(addr, echo.addr)));
  const dying = Promise.all([die(), die()]);
  const drained = pool.drain(200);
  await dying;
  await within("the end, though they have not said that they are through", drained);
  assert.equal(events.at(-1)?.type, "drained");
  for (const client of sessions) client.close();
  echo.close();
});

test("a reload does not fail while a worker is still starting", { skip }, async () => {
  const events: Event[] = [];
  const echo = await echoServer("127.0.0.1");
  const port = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 });
  const { pool, addr, clock } = await startPool(1, events, port);
  await ask(addr, Command.Connect, "die.example", 80).catch(() => {});
  await until("the death is told", () => events.some(({ type }) => type === "worker-died"));
  await clock.advance(REPLACED_MS);
  const reloaded = pool.reload(provision(port, { allow: [] }));
  await clock.advance(10 * DONE_MS);
  await reloaded;
  const { client, reply } = await ask(addr, Command.Connect, echo.addr.host, echo.addr.port);
  assert.equal(reply.reply, Reply.NotAllowed);
  client.close();
  await pool.drain(0);
  echo.close();
});

test(
  "a worker serves even if the log file cannot be opened",
  { skip },
  async () => {
    const echo = await echoServer("127.0.0.1");
    const port = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 });
    const pool = await WorkerPool.start(
      { libc: libc!, entry, count: 1, counters: counted(1), emit: () => {}, clock: new TestClock(), haste: 1 },
      provision(port, { logFile: "/nowhere/gate46.log" }),
    );
    (await echoing(port.addr, echo.addr)).close();
    await until("it has ended", () => pool.sessionCount === 0);
    await pool.drain(0);
    echo.close();
  },
);

test(
  "nothing is written to the closed descriptors of a dead worker: other sockets may reuse them",
  { skip },
  async () => {
    const events: Event[] = [], written: number[] = [];
    const resolver = new MemoryResolver();
    resolver.set("slow.example", "silent");
    const port = claimPort(libc!, {}, { host: "127.0.0.1", port: 0 });
    const write: Libc["write"] = (fd, ...bytes) => (written.push(fd), libc!.write(fd, ...bytes));
    const emit = (event: Event) => {
      events.push(event);
      if (event.type !== "worker-died") return;
      written.length = 0;
      resolver.answer("slow.example", ["127.0.0.1"]);
    };
    const clock = new TestClock();
    const pool = await WorkerPool.start(
      { libc: { ...libc!, write }, entry, count: 1, counters: counted(1), emit, clock, haste: HASTE },
      provision(port, { resolver }),
    );
    const asking = ask(port.addr, Command.Connect, "slow.example", 80).catch(() => {});
    await until("it is asked for", () => resolver.asked.includes("slow.example"));
    await ask(port.addr, Command.Connect, "die.example", 80).catch(() => {});
    await asking;
    await until("the death is told", () => events.some(({ type }) => type === "worker-died"));
    assert.deepEqual([pool.vitals().silentWorkers, pool.vitals().hungWorkers], [1, 0]);
    await new Promise((resolve) => setTimeout(resolve, 0)); // the answer to the dead would be on its way by now
    assert.deepEqual(written, []);
    await clock.advance(REPLACED_MS);
    assert.equal(pool.vitals().silentWorkers, 0, "another is there");
    await pool.drain(0);
  },
);

test("workers share one unix socket, and a dead worker leaves no client waiting", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "gate46-pool-"));
  const claim = await claimUnix(libc!, join(folder, "s.sock"), {});
  const echo = await echoServer("127.0.0.1");
  const events: Event[] = [];
  const { pool, addr, clock } = await startPool(3, events, claim);
  const sessions = await Promise.all(Array.from({ length: 60 }, () => echoing(addr, echo.addr)));
  let views: readonly SessionView[] = [];
  await until("all are told of", async () => {
    ({ sessions: views } = await pool.activity({ most: 100, filter: "" }));
    return views.length === sessions.length;
  });
  assert.deepEqual(new Set(views.map(({ client }) => client)), new Set([`unix:${addr.unix}`]));
  for (let deaths = 1; deaths <= 2; deaths++) {
    await ask(addr, Command.Connect, "die.example", 80).catch(() => {});
    await until("the death is told", () => events.filter(({ type }) => type === "worker-died").length === deaths);
    await clock.advance(REPLACED_MS);
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

test("a port of another program is refused, even if SO_REUSEPORT would share it", { skip }, async () => {
  const taken = await listenTcp("127.0.0.1", () => {});
  assert.throws(() => claimPort(libc!, {}, taken.addr), { kind: "address-in-use" });
  taken.close();
});
