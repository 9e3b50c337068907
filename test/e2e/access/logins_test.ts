import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { type Program, start, targets } from "../../support/program/program.ts";
import { credentials } from "../../support/wire/socks.ts";
import { concat, Tcp } from "../../support/wire/tcp.ts";
import { until } from "../../support/program/until.ts";

const MAX_SESSIONS = 300, AT_ONCE = 150, MAX_FAILURES = 4, TRIES = 40;
const HOME = "127.0.0.1", ELSEWHERE = "127.0.0.2", STRANGER = "127.0.0.3";

/** Sends a name and a password from that address of this machine. */
function login({ host, port }: SocketAddr, localAddress: string, name: string, password: string): Tcp {
  const client = new Tcp(connect({ host, port, localAddress, allowHalfOpen: true }));
  client.write(concat(Uint8Array.of(5, 1, 2), credentials(name, password)));
  return client;
}

/** The status that it is answered with; undefined where the connection ends before. */
async function status(client: Tcp): Promise<number | undefined> {
  const answer = await client.read(4).catch(() => undefined);
  client.close();
  return answer?.[3];
}

for (const target of targets) {
  test(`${target.name}: many logins at once succeed, failed logins from a known client's address do not lock that user out, and abandoned logins free their sessions`, async () => {
    const gateway = await start(target, [
      "--listen=127.0.0.1:0",
      "--admin=off",
      `--max-sessions=${MAX_SESSIONS}`,
      `--max-failures=${MAX_FAILURES}`,
      "--handshake-timeout=20s", // one hashing takes 2 s where all cores are busy
      "--user=ann:right",
      "--user=bob:also right",
      "--log-sample=1000",
    ]);
    try {
      await manyAtOnce(gateway);
      await guesses(gateway);
      await leaving(gateway);
    } catch (error) {
      console.log(gateway.output().slice(-4_000));
      throw error;
    } finally {
      assert.equal(await gateway.stop(), 0);
    }
  });
}

/** All of one user, after a start and after a reload. */
async function manyAtOnce(gateway: Program): Promise<void> {
  const [addr] = gateway.addrs as [SocketAddr];
  for (const reloaded of [false, true]) {
    if (reloaded) {
      gateway.signal("SIGHUP");
      await until("it has reloaded", () => /\breloaded\b/.test(gateway.output()));
    }
    const clients = Array.from({ length: AT_ONCE }, () => login(addr, HOME, "ann", "right"));
    const statuses = await Promise.all(clients.map(status));
    assert.deepEqual(statuses, Array(AT_ONCE).fill(0), reloaded ? "after a reload" : "after a start");
  }
}

/** From one address, by a user who forgets nothing by logging in. */
async function guesses(gateway: Program): Promise<void> {
  const [addr] = gateway.addrs as [SocketAddr];
  const tries = await Promise.all(
    Array.from({ length: TRIES }, (_, i) => status(login(addr, HOME, i % 2 ? "ann" : "bob", `guess ${i}`))),
  );
  assert.ok(tries.every((one) => one === 1), tries.join());
  const turnedAway = () => gateway.output().match(/client turned away .*reason=too-many-failures/g)?.length ?? 0;
  // A guess at bob, who is not known, counts only when it has been hashed: it may be one more.
  await until("the log tells of those that were not tried", () => turnedAway() >= TRIES - MAX_FAILURES - 1);
  assert.ok(turnedAway() <= TRIES - MAX_FAILURES, "as many as may be are tried");
  for (let i = 0; i < 3; i++) assert.equal(await status(login(addr, HOME, "ann", "right")), 0, "ann was there before");
  assert.equal(await status(login(addr, HOME, "bob", "also right")), 1, "bob was not");
  assert.equal(await status(login(addr, ELSEWHERE, "bob", "also right")), 0);
}

/** As many as there are places, each with a wrong password: all of them leave. */
async function leaving(gateway: Program): Promise<void> {
  const [addr] = gateway.addrs as [SocketAddr];
  const strangers = Array.from({ length: MAX_SESSIONS }, (_, i) => login(addr, STRANGER, "ann", `wrong ${i}`));
  await until("some of them wait", async () => (await strangers[0]!.read(2))[1] === 2);
  for (const one of strangers) one.close();
  await until("there is room for ann", async () => await status(login(addr, ELSEWHERE, "ann", "right")) === 0);
}
