import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import { decodeProxyHeader, encodeProxyHeader } from "../../src/protocol/proxy_header.ts";
import { bytes, joined } from "../support/wire/bytes.ts";
import {
  blockHeader,
  checked,
  LOCAL,
  PROXY,
  SIGNATURE,
  TCP4,
  TCP6,
  UNIX,
  UNSPEC,
} from "../support/wire/proxy_header.ts";

const text = (line: string) => new TextEncoder().encode(line);

const ipv4 = { type: 1, host: "192.0.2.7", port: 40_000 };
const ipv6 = { type: 4, host: "2001:db8::7", port: 40_000 };
const block4 = bytes("c0 00 02 07 c6 33 64 01 9c 40 04 38");
const block6 = bytes("20010db8000000000000000000000007 20010db8000000000000000000000001 9c40 0438");
const mapped = bytes("00000000000000000000ffffc0000207 00000000000000000000ffffc6336401 9c40 0438");
const authority = bytes("02 00 07 'example'");

const headers: readonly (readonly [string, Uint8Array, unknown])[] = [
  ["TCP4 of version 1", text("PROXY TCP4 192.0.2.7 198.51.100.1 40000 1080\r\n"), ipv4],
  ["TCP6 of version 1", text("PROXY TCP6 2001:db8::7 2001:db8::1 40000 1080\r\n"), ipv6],
  ["IPv6 in capitals", text("PROXY TCP6 2001:DB8::7 2001:DB8::1 40000 1080\r\n"), ipv6],
  ["a mapped address of version 1", text("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 40000 1080\r\n"), ipv4],
  ["UNKNOWN alone", text("PROXY UNKNOWN\r\n"), undefined],
  [
    "the longest line of version 1",
    text(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    undefined,
  ],
  ["TCP4 of version 2", blockHeader(PROXY, TCP4, block4), ipv4],
  ["TCP6 of version 2", blockHeader(PROXY, TCP6, block6), ipv6],
  ["a mapped address of version 2", blockHeader(PROXY, TCP6, mapped), ipv4],
  ["the header of a UNIX socket", blockHeader(PROXY, UNIX, new Uint8Array(216)), undefined],
  ["UNSPEC", blockHeader(PROXY, UNSPEC), undefined],
  ["LOCAL without a block", blockHeader(LOCAL, UNSPEC), undefined],
  ["LOCAL with an address block of unknown family", blockHeader(LOCAL, 0xff, bytes("01 02 03")), undefined],
  ["extensions, one of them empty", blockHeader(PROXY, TCP4, block4, authority, bytes("ee 00 00")), ipv4],
  ["a checksum", checked(blockHeader(PROXY, TCP6, block6, authority, bytes("03 00 04 00000000"))), ipv6],
  [
    "extensions up to the maximum size",
    blockHeader(PROXY, TCP4, block4, bytes("04 07 d1"), new Uint8Array(2_001)),
    ipv4,
  ],
];

const wrong: readonly (readonly [string, Uint8Array])[] = [
  ["a greeting of SOCKS", bytes("05 01 00")],
  ["a request of HTTP", text("GET / HTTP/1.1\r\n\r\n")],
  ["lower case", text("proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n")],
  ["two blanks", text("PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n")],
  ["a tab", text("PROXY TCP4\t192.0.2.7 198.51.100.1 1 2\r\n")],
  ["no CR", text("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n")],
  ["CR within the line", text("PROXY UNKNOWN a\rb\r\n")],
  ["a blank at the end", text("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n")],
  ["nothing behind the blank", text("PROXY \r\n")],
  ["UNKNOWNS", text("PROXY UNKNOWNS\r\n")],
  ["UDP4", text("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n")],
  ["IPv6 as TCP4", text("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n")],
  ["IPv4 as TCP6", text("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n")],
  ["an octal address", text("PROXY TCP4 192.0.02.7 198.51.100.1 1 2\r\n")],
  ["a short address", text("PROXY TCP4 127.1 198.51.100.1 1 2\r\n")],
  ["a wrong destination", text("PROXY TCP4 192.0.2.7 198.51.100 1 2\r\n")],
  ["port 65536", text("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n")],
  ["a port with a zero in front", text("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n")],
  ["a port with a sign", text("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n")],
  ["a missing port", text("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n")],
  ["107 octets without an end", text(`PROXY UNKNOWN ${"a".repeat(93)}`)],
  ["an end one octet too late", text(`PROXY UNKNOWN ${"a".repeat(92)}\r\n`)],
  ["version 1 in the octets of version 2", blockHeader(0x11, TCP4, block4)],
  ["an unknown command", blockHeader(0x22, TCP4, block4)],
  ["datagrams", blockHeader(PROXY, 0x12, block4)],
  ["an unknown family", blockHeader(PROXY, 0x41, block4)],
  ["a block too short for IPv4", blockHeader(PROXY, TCP4, block4.subarray(1))],
  ["a block too short for IPv6", blockHeader(PROXY, TCP6, block6.subarray(1))],
  ["a block too short for UNIX", blockHeader(PROXY, UNIX, new Uint8Array(215))],
  ["an extension without its length", blockHeader(PROXY, TCP4, block4, bytes("04 00"))],
  ["an extension that is cut off", blockHeader(PROXY, TCP4, block4, bytes("04 00 02 00"))],
  ["a wrong checksum", blockHeader(PROXY, TCP4, block4, bytes("03 00 04 01020304"))],
  ["a checksum of five octets", blockHeader(PROXY, TCP4, block4, bytes("03 00 05 0000000000"))],
  ["more than 2,048 octets, at once", joined(SIGNATURE, bytes("21 11 07 f1"))],
];

describe("decodeProxyHeader()", () => {
  for (const [what, header, client] of headers) {
    test(`decodes ${what} when complete, and leaves the octets after it`, () => {
      for (let size = 0; size < header.length; size++) {
        assert.equal(decodeProxyHeader(header.subarray(0, size)), undefined, `${size} octets`);
      }
      const whole = { value: { client }, size: header.length };
      assert.deepEqual(decodeProxyHeader(header), whole);
      assert.deepEqual(decodeProxyHeader(joined(header, bytes("05 01 00"))), whole);
    });
  }

  for (const [what, header] of wrong) {
    test(`throws a ProtocolError for ${what}`, () => assert.throws(() => decodeProxyHeader(header), ProtocolError));
  }

  test("refuses another protocol at its first octet", () => {
    for (let octet = 0; octet < 256; octet++) {
      if (octet === 0x50 || octet === 0x0d) continue;
      assert.throws(() => decodeProxyHeader(Uint8Array.of(octet)), ProtocolError);
    }
  });

  test("keeps no reference to the buffer", () => {
    const header = blockHeader(PROXY, TCP4, block4);
    const decoded = decodeProxyHeader(header)!;
    header.fill(0xee);
    assert.deepEqual(decoded.value.client, ipv4);
  });

  test("decodes every address that a proxy can write", () => {
    const port = fc.nat(65_535);
    fc.assert(
      fc.property(fc.ipV4(), port, fc.boolean(), fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (
        host,
        port,
        old,
        extensions,
      ) => {
        const octets = joined(Uint8Array.from(host.split("."), Number), bytes("7f000001"));
        const ports = Uint8Array.of(port >> 8, port & 0xff, 0, 1);
        const header = old ? text(`PROXY TCP4 ${host} 127.0.0.1 ${port} 1\r\n`) : blockHeader(
          PROXY,
          TCP4,
          octets,
          ports,
          ...extensions.map((it) => joined(bytes("e0 00"), Uint8Array.of(it.length), it)),
        );
        assert.deepEqual(decodeProxyHeader(header)?.value.client, { type: 1, host, port });
      }),
    );
  });

  test("gives a value, a wait, or a ProtocolError for any octets; more octets never change a value or an error", () => {
    const head = fc.constantFrom(
      "",
      "50524f585920",
      "50524f58592054435034 20",
      "0d0a0d0a000d0a515549540a",
      "0d0a0d0a000d0a515549540a21",
    );
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 4 }), (head, body, tail) => {
        const octets = joined(bytes(head), body);
        const outcome = (bytes: Uint8Array) => {
          try {
            const decoded = decodeProxyHeader(bytes);
            if (decoded) assert.ok(decoded.size <= bytes.length);
            return decoded;
          } catch (error) {
            assert.ok(error instanceof ProtocolError);
            return "wrong";
          }
        };
        const first = outcome(octets);
        if (first) assert.deepEqual(outcome(joined(octets, tail)), first);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("encodeProxyHeader()", () => {
  const client4 = { host: "192.0.2.7", port: 40_000 }, here4 = { host: "198.51.100.1", port: 1080 };
  const client6 = { host: "2001:db8::7", port: 40_000 }, here6 = { host: "2001:db8::1", port: 1080 };
  const line = (header: Uint8Array) => new TextDecoder().decode(header);

  test("writes the client's address and the local address in version 1 and version 2", () => {
    assert.equal(
      line(encodeProxyHeader(1, { client: client4, here: here4 })),
      "PROXY TCP4 192.0.2.7 198.51.100.1 40000 1080\r\n",
    );
    assert.equal(
      line(encodeProxyHeader(1, { client: client6, here: here6 })),
      "PROXY TCP6 2001:db8::7 2001:db8::1 40000 1080\r\n",
    );
    assert.deepEqual(encodeProxyHeader(2, { client: client4, here: here4 }), blockHeader(PROXY, TCP4, block4));
    assert.deepEqual(encodeProxyHeader(2, { client: client6, here: here6 }), blockHeader(PROXY, TCP6, block6));
  });

  test("writes UNKNOWN (version 1) or LOCAL (version 2) without addresses", () => {
    assert.equal(line(encodeProxyHeader(1, undefined)), "PROXY UNKNOWN\r\n");
    assert.deepEqual(encodeProxyHeader(2, undefined), blockHeader(LOCAL, UNSPEC));
  });

  test("round-trips, also when the client and the local address are of different families", () => {
    for (const version of [1, 2] as const) {
      for (
        const [client, here, read] of [[client4, here4, ipv4], [client4, here6, ipv4], [client6, here4, ipv6], [
          client6,
          here6,
          ipv6,
        ]] as const
      ) {
        const header = encodeProxyHeader(version, { client, here });
        assert.deepEqual(decodeProxyHeader(header), { value: { client: read }, size: header.length });
      }
    }
  });
});
