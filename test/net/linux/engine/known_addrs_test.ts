import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownAddrs } from "../../../../src/net/linux/engine/known_addrs.ts";
import { encodeSockaddr, SOCKADDR_SIZE } from "../../../../src/net/kernel/libc/sockaddr.ts";
import type { SocketAddr } from "../../../../src/net/socket.ts";

/** As the kernel writes it. */
function name(addr: SocketAddr): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKADDR_SIZE);
  bytes.set(encodeSockaddr(addr));
  return bytes;
}

test("KnownAddrs.find() returns the same object for a known address and another for a new one", () => {
  const addrs = new KnownAddrs();
  const all: readonly SocketAddr[] = [
    { host: "192.0.2.1", port: 53 },
    { host: "192.0.2.1", port: 54 },
    { host: "192.0.2.2", port: 53 },
    { host: "2001:db8::1", port: 53 },
    { host: "fe80::1", port: 53, zone: "2" },
    { host: "fe80::1", port: 53, zone: "3" },
  ];
  const found = all.map((addr) => addrs.find(name(addr)));
  assert.deepEqual(found, all);
  all.forEach((addr, i) => assert.equal(addrs.find(name(addr)), found[i]));
});

test("KnownAddrs.find() returns undefined for a sockaddr without an IP address", () => {
  assert.equal(new KnownAddrs().find(new Uint8Array(SOCKADDR_SIZE)), undefined);
});

test("KnownAddrs.find() decodes each of 10,000 addresses and forgets old ones", () => {
  const addrs = new KnownAddrs();
  const first = name({ host: "10.0.0.0", port: 1 }), known = addrs.find(first);
  for (let i = 0; i < 10_000; i++) {
    const host = `10.1.${i >> 8}.${i & 255}`;
    assert.equal(addrs.find(name({ host, port: 1 }))?.host, host);
  }
  assert.deepEqual(addrs.find(first), known);
  assert.notEqual(addrs.find(first), known, "it was let go");
});
