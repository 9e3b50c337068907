import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from "../../../src/net/kernel/libc/sockaddr.ts";
import { formatIp } from "../../../src/protocol/address.ts";
import { hex } from "../../support/wire/bytes.ts";

const port = fc.integer({ min: 0, max: 65_535 });
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** sa_family is in the order of the machine. */
function family(octet: string): string {
  return littleEndian ? `${octet} 00` : `00 ${octet}`;
}

test("encodeSockaddr() lays out sockaddr_in as ip(7) says", () => {
  const bytes = encodeSockaddr({ host: "192.0.2.46", port: 1080 });
  assert.equal(hex(bytes), `${family("02")} 04 38 c0 00 02 2e 00 00 00 00 00 00 00 00`);
});

test("encodeSockaddr() lays out sockaddr_in6 as ipv6(7) says", () => {
  const bytes = encodeSockaddr({ host: "2001:db8::46", port: 65_535 });
  const address = "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 46";
  assert.equal(hex(bytes), `${family("0a")} ff ff 00 00 00 00 ${address} 00 00 00 00`);
  assert.equal(bytes.length, SOCKADDR_SIZE);
});

test("encodeSockaddr() accepts only IP addresses", () => {
  for (const host of ["localhost", "", "127.1", "fe80::1%eth0"]) {
    assert.throws(() => encodeSockaddr({ host, port: 1 }), RangeError);
  }
});

test("encodeSockaddr() writes the zone index at the end, and decodeSockaddr() reads it", () => {
  const addr = { host: "fe80::46", port: 1080, zone: "258" };
  const bytes = encodeSockaddr(addr);
  assert.equal(hex(bytes.slice(24)), littleEndian ? "02 01 00 00" : "00 00 01 02");
  const { host, port, zone } = decodeSockaddr(bytes)!;
  assert.deepEqual({ host, port, zone }, addr);
});

test("encodeSockaddr() encodes an unknown zone as an index without an interface", () => {
  const bytes = encodeSockaddr({ host: "fe80::46", port: 1080, zone: "no such interface" });
  assert.equal(decodeSockaddr(bytes)!.zone, String(2 ** 31 - 1));
});

test("decodeSockaddr() unwraps IPv4-mapped IPv6", () => {
  const bytes = encodeSockaddr({ host: "::ffff:192.0.2.1", port: 9 });
  const { host, port } = decodeSockaddr(bytes)!;
  assert.deepEqual({ host, port }, { host: "192.0.2.1", port: 9 });
});

test("decodeSockaddr() returns undefined for other address families", () => {
  assert.equal(decodeSockaddr(new Uint8Array(SOCKADDR_SIZE)), undefined);
});

test("decodeSockaddr() reverses encodeSockaddr()", () => {
  const four = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const six = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((octets) => octets[10] !== 0xff);
  fc.assert(fc.property(fc.oneof(four, six), port, (octets, port) => {
    const addr = { host: formatIp(octets), port };
    const decoded = decodeSockaddr(encodeSockaddr(addr))!;
    assert.deepEqual({ host: decoded.host, port: decoded.port }, addr);
  }));
});
