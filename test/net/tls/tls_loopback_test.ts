import assert from "node:assert/strict";
import { test } from "node:test";
import { Meeting } from "../../../src/net/tls/tls_loopback.ts";
import { within } from "../../support/program/until.ts";

const attacker = { client: "203.0.113.1" }, innocent = { client: "192.0.2.1" };

/** One end of a connection, as far as a meeting has to do with it. */
class End {
  readonly localAddr: { readonly port: number };
  closed = false;

  constructor(port: number) {
    this.localAddr = { port };
  }

  close(): void {
    this.closed = true;
  }
}

/** Dials that end when a test says so, each from the next port. */
function slowDial(first: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let next = first;
  const dial = async () => {
    await promise;
    return new End(next++);
  };
  return { dial, connect: resolve };
}

test("Meeting connects a client while all dials of another client hang", async () => {
  const meeting = new Meeting<End>();
  const slow = slowDial(100);
  const held = Array.from({ length: 100 }, () => meeting.meet(attacker, slow.dial));
  const { dialled, accepted } = meeting.meet(innocent, () => Promise.resolve(new End(7)));
  await within("the innocent's dial", dialled);
  const own = new End(1);
  meeting.came(7, own);
  assert.equal(await within("the innocent's connection", accepted), own);
  for (const { callOff } of held) callOff();
  for (let port = 100; port < 200; port++) meeting.came(port, new End(2));
  slow.connect();
  await Promise.allSettled(held.map(({ accepted }) => accepted));
});

test("Meeting ends a cancelled meet() at once and does not dial for it", async () => {
  const meeting = new Meeting<End>();
  const slow = slowDial(100);
  const first = Array.from({ length: 16 }, () => meeting.meet(attacker, slow.dial));
  let dials = 0;
  const next = meeting.meet(attacker, () => Promise.resolve(new End(++dials)));
  next.callOff();
  for (const end of [next.dialled, next.accepted]) await assert.rejects(within("its end", end), { kind: "closed" });
  for (let port = 100; port < 116; port++) meeting.came(port, new End(3));
  slow.connect();
  await within("the others", Promise.all(first.map(({ accepted }) => accepted)));
  assert.equal(dials, 0);
});

test("Meeting closes unexpected connections, and they do not displace an expected one", async () => {
  const meeting = new Meeting<End>();
  const early = new End(0), own = new End(0);
  meeting.came(1, early);
  assert.ok(early.closed, "nobody was expected");
  const slow = slowDial(2);
  const { accepted } = meeting.meet(innocent, slow.dial);
  await Promise.resolve();
  meeting.came(2, own);
  for (let port = 1_000; port < 1_900; port++) meeting.came(port, new End(0));
  slow.connect();
  assert.equal(await within("the connection", accepted), own);
  assert.ok(!own.closed);
});
