import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipAddress } from "../../src/protocol/address.ts";
import { encodeDatagram, encodeHeader } from "../../src/protocol/datagram.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import { encodeFrame, fitsFrame, frameSize, unframe } from "../../src/protocol/udp_frame.ts";
import { bytes, hex } from "../support/wire/bytes.ts";

const name = { type: 3, host: "example.org", port: 53 } as const;

/** As hev-socks5-core writes and reads them (hev_socks5_udp_sendmmsg_tcp and hev_socks5_udp_recvmmsg_tcp). */
const vectors = [
  ["00 04 0a 01 c0 00 02 01 00 35 'ping'", ipAddress("192.0.2.1", 53)!, "ping"],
  ["00 02 16 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 35 'hi'", ipAddress("2001:db8::1", 53)!, "hi"],
  ["00 01 12 03 0b 'example.org' 00 35 'x'", name, "x"],
  ["00 00 0a 01 c0 00 02 01 00 35", ipAddress("192.0.2.1", 53)!, ""],
] as const;

for (const [text, address, payload] of vectors) {
  test(`${text} decodes, encodes, and needs more octets at every cut`, () => {
    const frame = bytes(text), octets = new TextEncoder().encode(payload);
    assert.equal(hex(encodeFrame(encodeHeader(address), octets)), hex(frame));
    for (let cut = 0; cut < frame.length; cut++) {
      const size = frameSize(frame.subarray(0, cut));
      assert.ok(size === undefined ? cut < 3 : size === frame.length, `${cut} octets`);
    }
    assert.ok(unframe(frame));
    assert.equal(hex(frame), hex(encodeDatagram({ fragment: 0, address, payload: octets })));
  });
}

test("unframe() refuses a frame whose header length does not match its address", () => {
  for (
    const text of [
      "00 04 0b 01 c0 00 02 01 00 35 00 'ping'",
      "00 04 05 01 c0 'ping'",
      "00 04 0a 02 c0 00 02 01 00 35 'ping'",
      "00 00 07 03 09 'a' 00",
    ]
  ) assert.equal(unframe(bytes(text)), false, text);
});

test("frameSize() throws a ProtocolError for a header length under 5 octets", () => {
  for (let header = 0; header < 5; header++) {
    assert.throws(() => frameSize(Uint8Array.of(0, 0, header, 1)), ProtocolError);
  }
});

test("a frame does not fit a name over 248 octets or data over 65,535 octets", () => {
  const long = (size: number) => encodeHeader({ type: 3, host: "n".repeat(size), port: 1 });
  assert.ok(fitsFrame(long(248), new Uint8Array(65_535)));
  assert.ok(!fitsFrame(long(249), new Uint8Array(0)));
  assert.ok(!fitsFrame(long(1), new Uint8Array(65_536)));
});

test(`any octets give a frame size, "need more", or a ProtocolError`, () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
    try {
      const size = frameSize(octets);
      if (size !== undefined && size <= octets.length) unframe(octets.subarray(0, size));
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
    }
  }));
});
