import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import type { Libc } from "../../../../src/net/kernel/libc/libc.ts";
import {
  connectFailure,
  Descriptors,
  resetConnection,
  routedLocalAddr,
} from "../../../../src/net/kernel/sockets/kernel_probe.ts";
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from "../../../../src/net/kernel/libc/sockaddr.ts";
import { runtime } from "../../../support/program/runtime.ts";
import { skipped } from "../../../support/program/skipped.ts";
import { listenTcp, Tcp } from "../../../support/wire/tcp.ts";
import { until } from "../../../support/program/until.ts";

const libc = await openLibc();
const skip = skipped(
  "probe_test.ts",
  process.platform !== "linux" ? "needs Linux" : libc ? false : "libc cannot be opened",
);

async function openLibc(): Promise<Libc | undefined> {
  const { openLibc } = runtime === "bun"
    ? await import("../../../../src/net/bun/bun_libc.ts")
    : await import("../../../../src/net/deno/deno_libc.ts");
  return await openLibc();
}

/** Counts what is open, so that a test sees what it leaves. */
function descriptorCount(): number {
  return readdirSync("/proc/self/fd").length;
}

test("routedLocalAddr() returns the loopback address for loopback and leaks no descriptor", { skip }, () => {
  const before = descriptorCount();
  for (let i = 0; i < 50; i++) {
    assert.equal(routedLocalAddr(libc!, "127.0.0.1"), "127.0.0.1");
    assert.equal(routedLocalAddr(libc!, "127.1.2.3"), "127.0.0.1");
    assert.equal(routedLocalAddr(libc!, "::1"), "::1");
  }
  assert.ok(descriptorCount() < before + 50); // the runtime opens some, too
});

test("routedLocalAddr() returns undefined when the system refuses", { skip }, () => {
  assert.equal(routedLocalAddr(libc!, "255.255.255.255"), undefined); // broadcast needs a permission
  const none: Libc = { ...libc!, socket: () => -1 };
  assert.equal(routedLocalAddr(none, "127.0.0.1"), undefined);
});

test("connectFailure() returns refused for a closed port and for a port opened since", { skip }, async () => {
  const server = await listenTcp("127.0.0.1", () => {});
  const before = descriptorCount();
  assert.equal(await connectFailure(libc!, server.addr, 1_000), "refused");
  server.close();
  await until("nobody listens", async () => {
    try {
      (await Tcp.to(server.addr)).close();
      return false;
    } catch {
      return true;
    }
  });
  assert.equal(await connectFailure(libc!, server.addr, 1_000), "refused");
  await until("no descriptor is left", () => descriptorCount() <= before);
});

test("connectFailure() maps the errno of libc to an error kind", { skip }, async () => {
  const addr = { host: "192.0.2.1", port: 9 };
  const failing = (errno: number, at: "socket" | "connect"): Libc => ({
    ...libc!,
    [at]: () => -1,
    errno: () => errno,
  });
  assert.equal(await connectFailure(failing(97, "socket"), addr, 10), "family-not-supported");
  assert.equal(await connectFailure(failing(24, "socket"), addr, 10), "no-descriptors");
  assert.equal(await connectFailure(failing(101, "connect"), addr, 10), "network-unreachable");
  assert.equal(await connectFailure(failing(113, "connect"), addr, 10), "host-unreachable");
  assert.equal(await connectFailure(failing(13, "connect"), addr, 10), "permission-denied");
  assert.equal(await connectFailure(failing(1_000, "connect"), addr, 10), "other");
});

test("connectFailure() returns host-unreachable when the host does not answer in time", { skip }, async () => {
  const silent: Libc = { ...libc!, connect: () => -1, errno: () => 115, getsockopt: () => 0, getpeername: () => -1 };
  const before = performance.now();
  assert.equal(await connectFailure(silent, { host: "192.0.2.1", port: 9 }, 50), "host-unreachable");
  assert.ok(performance.now() - before >= 45);
});

test("Descriptors finds a connection by its addresses, and resetConnection() resets it", { skip }, async () => {
  const server = await listenTcp("127.0.0.1", () => {});
  const fd = libc!.socket(2, 1, 0);
  try {
    const peer = encodeSockaddr(server.addr);
    assert.equal(libc!.connect(fd, peer, peer.length), 0);
    const name = new Uint8Array(SOCKADDR_SIZE);
    libc!.getsockname(fd, name, Uint32Array.of(SOCKADDR_SIZE));
    const local = decodeSockaddr(name)!;
    const descriptors = new Descriptors(libc!);
    assert.equal(descriptors.find(local, server.addr), fd);
    assert.equal(descriptors.find(local, server.addr), fd);
    assert.equal(descriptors.find({ host: local.host, port: 1 }, server.addr), undefined);
    resetConnection(libc!, fd);
    assert.equal(libc!.getpeername(fd, name, Uint32Array.of(SOCKADDR_SIZE)), -1);
    assert.equal(descriptors.find(local, server.addr), undefined); // what it knew is judged again
  } finally {
    libc!.close(fd);
    server.close();
  }
});

test("Descriptors finds successive connections on the same descriptor number without a new scan", {
  skip,
}, async () => {
  const server = await listenTcp("127.0.0.1", () => {});
  const peer = encodeSockaddr(server.addr), name = new Uint8Array(SOCKADDR_SIZE);
  let looks = 0;
  const descriptors = new Descriptors(counting(() => looks++));
  for (let i = 0; i < 50; i++) {
    const fd = libc!.socket(2, 1, 0);
    libc!.connect(fd, peer, peer.length);
    libc!.getsockname(fd, name, Uint32Array.of(SOCKADDR_SIZE));
    if (i === 1) looks = 0;
    assert.equal(descriptors.find(decodeSockaddr(name)!, server.addr), fd);
    libc!.close(fd);
  }
  assert.ok(looks < 10 * descriptorCount(), `${looks} looks`); // that number may have gone to somebody else now and then
  server.close();
});

test("Descriptors limits its scans to about 10,000 lookups per second", { skip }, () => {
  let looks = 0, now = 0;
  const descriptors = new Descriptors(counting(() => looks++), () => now);
  const absent = { host: "192.0.2.1", port: 1 };
  for (let second = 0; second < 2; second++) {
    looks = 0;
    now = second * 1_000;
    for (let before = -1; before !== looks;) {
      before = looks;
      descriptors.find(absent, absent);
    }
    assert.ok(looks >= 10_000 && looks < 10_000 + 2 * descriptorCount(), `${looks} looks`);
  }
});

/** libc that tells of each look at a descriptor. */
function counting(look: () => void): Libc {
  return {
    ...libc!,
    getsockname(...args) {
      look();
      return libc!.getsockname(...args);
    },
  };
}
