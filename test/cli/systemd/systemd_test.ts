import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { readiness } from "../../../src/admin/readiness.ts";
import { Activation } from "../../../src/cli/systemd/activation.ts";
import { Systemd } from "../../../src/cli/systemd/systemd.ts";
import { facts } from "../../support/memory/admin_source.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { receiveAt } from "../../support/wire/notify_socket.ts";
import { hasPython } from "../../support/python/python.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("systemd_test.ts", hasPython && await openLibc() ? false : "no python3, or libc cannot be called");

const healthWith = (sessions: () => number) => () => readiness(facts({ sessions: sessions() }));

test("the watchdog is notified only while the threads are healthy", { skip }, async () => {
  const path = `@gate46-${process.pid}-${Math.random()}`;
  const receiver = await receiveAt(path);
  let well = true, asked = 0, sessions = 3;
  const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "40000", WATCHDOG_PID: "7", OTHER: "stays" };
  const watched = { health: healthWith(() => sessions), isWell: () => (asked++, well) };
  const systemd = await Systemd.open(watched, false, environment, 7);
  assert.deepEqual(environment, { OTHER: "stays" });
  await until("it is told that all is well", () => receiver.said().split("WATCHDOG=1").length > 3);
  well = false;
  sessions = 4;
  systemd.ready(); // behind which nothing more of the watchdog comes
  await until("all has come", () => receiver.said().endsWith("STATUS=ready, 4 sessions\n"));
  const told = receiver.said(), before = asked;
  await until("it is asked some more", () => asked > before + 3);
  assert.equal(receiver.said(), told);
  systemd.close();
  receiver.stop();
});

test("the watchdog of another process is not notified", { skip }, async () => {
  const path = `@gate46-${process.pid}-${Math.random()}`;
  const receiver = await receiveAt(path);
  const isWell = () => assert.fail("nobody is to ask");
  const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "1000", WATCHDOG_PID: "8" };
  const systemd = await Systemd.open({ health: healthWith(() => 0), isWell }, false, environment, 7);
  systemd.ready();
  await until("it is ready", () => receiver.said().includes("READY=1"));
  systemd.close();
  receiver.stop();
});

test("a successor becomes the main process, and notifies the watchdog even without its own WATCHDOG_USEC", {
  skip,
  timeout: 30_000,
}, async () => {
  const path = `@gate46-${process.pid}-${Math.random()}`;
  const receiver = await receiveAt(path);
  const watched = { health: healthWith(() => 0), isWell: () => true };
  for (const others of [{}, { WATCHDOG_USEC: "1000", WATCHDOG_PID: "8" }]) {
    const systemd = await Systemd.open(watched, true, { NOTIFY_SOCKET: path, ...others }, 7);
    const told = receiver.said().length;
    systemd.ready();
    await until("it is ready", () => receiver.said().includes(`READY=1 MAINPID=${process.pid}`));
    await until("the watchdog is told", () => receiver.said().slice(told).includes("WATCHDOG=1"));
    systemd.close();
  }
  receiver.stop();
});

test("without a usable NOTIFY_SOCKET, notifications do nothing", async () => {
  for (const environment of [{}, { NOTIFY_SOCKET: "vsock:2:1234" }, { NOTIFY_SOCKET: "/nowhere/notify" }]) {
    const watched = { health: healthWith(() => 0), isWell: () => true };
    const systemd = await Systemd.open(watched, false, { ...environment, WATCHDOG_USEC: "1000000" }, 7);
    systemd.reloading();
    systemd.ready();
    systemd.stopping(1);
    systemd.close();
  }
});

test("sockets are taken by name, once, and only if passed to this process", () => {
  const environment: Record<string, string> = { LISTEN_PID: "7", LISTEN_FDS: "4", LISTEN_FDNAMES: "a:b:a", OTHER: "" };
  const activation = Activation.take(environment, 7);
  assert.deepEqual(environment, { OTHER: "" });
  assert.deepEqual(["*", "a", "b", "unknown", "c"].map((name) => activation.descriptors(name)), [
    [3, 4, 5, 6],
    [3, 5],
    [4],
    [6],
    [],
  ]);
  assert.deepEqual(activation.names, ["a", "b", "unknown"]);
  for (const [pid, count] of [["8", "1"], ["7", "x"], ["7", "-1"], ["7", "99999"], [undefined, "1"]] as const) {
    const strange = { ...pid !== undefined && { LISTEN_PID: pid }, LISTEN_FDS: count };
    assert.deepEqual(Activation.take(strange, 7).all, []);
  }
});
