import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  answers,
  attribute,
  attributesIn,
  dump,
  message,
  messagesIn,
  nested,
  text,
} from "../../../src/net/linux/netlink/netlink.ts";
import { datagramPacket, resetOf, sumTcp, tcpEnds, unreachable } from "../../../src/net/linux/transparent/ip_packet.ts";

test("the length field of a netlink attribute excludes the padding", () => {
  assert.deepEqual([...attribute(3, text("lo"))], [7, 0, 3, 0, 108, 111, 0, 0]);
  assert.deepEqual([...nested(1, attribute(2, Uint8Array.of(5)))], [12, 0, 1, 128, 5, 0, 2, 0, 5, 0, 0, 0]);
});

test("answers() returns 0 or the errno of each reply and ignores other messages", () => {
  const answer = (type: number, errno: number) => {
    const octets = new Uint8Array(36), view = new DataView(octets.buffer);
    view.setUint32(0, 36, true);
    view.setUint16(4, type, true);
    view.setInt32(16, -errno, true);
    return octets;
  };
  const all = new Uint8Array([...answer(2, 0), ...answer(16, 7), ...answer(2, 17)]);
  assert.deepEqual(answers(all), [0, 17]);
  for (let size = 0; size < 36; size++) assert.deepEqual(answers(all.subarray(0, size)), [], `${size} octets`);
});

test("answers() accepts any bytes without an exception or an endless loop", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
    for (const errno of answers(new Uint8Array(octets))) assert.equal(Number.isInteger(errno), true);
  }));
});

test("messagesIn() and attributesIn() parse complete messages and ignore truncated ones", () => {
  const body = new Uint8Array([...attribute(1, Uint8Array.of(9)), ...nested(4, text("x"))]);
  const octets = new Uint8Array(16 + body.length);
  new DataView(octets.buffer).setUint32(0, octets.length, true);
  octets[4] = 24;
  octets.set(body, 16);
  assert.deepEqual(messagesIn(octets).map(({ type, body }) => [type, body.length]), [[24, body.length]]);
  const found = attributesIn(messagesIn(octets)[0]!.body, 0);
  assert.deepEqual([...found].map(([type, value]) => [type, ...value]), [[1, 9], [4, 120, 0]]);
  for (let size = 0; size < octets.length; size++) assert.deepEqual(messagesIn(octets.subarray(0, size)), []);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (octets, start) => {
    for (const { body } of messagesIn(new Uint8Array(octets))) attributesIn(body, start);
    attributesIn(new Uint8Array(octets), start);
  }));
});

test("dump() ends at NLMSG_DONE or with an error, after any bytes", () => {
  const piece = (type: number) => {
    const octets = new Uint8Array(20);
    octets[0] = 20;
    octets[4] = type;
    return octets;
  };
  fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 8 }), (pieces) => {
    const rest = [...pieces, piece(3)];
    const libc = {
      sendto: () => 20,
      errno: () => 0,
      recv: (_: number, bytes: Uint8Array) => {
        const next = rest.shift() ?? assert.fail("it goes on behind the end");
        bytes.set(next);
        return next.length;
      },
    };
    try {
      dump(libc as never, 3, message(26, 0), "list", "routes");
    } catch (error) {
      assert.match(String(error), /Cannot list routes/);
    }
  }));
});

/** The sum over a packet with its pseudo-header: all ones where the checksum is good. */
function sum(packet: Uint8Array, at: number, protocol: number): number {
  const six = packet[0]! >> 4 === 6;
  const words = (octets: Uint8Array) => {
    let sum = 0;
    for (let i = 0; i < octets.length; i += 2) sum += (octets[i]! << 8) | (octets[i + 1] ?? 0);
    return sum;
  };
  let all = words(packet.subarray(at)) +
    (protocol === 1 ? 0 : words(packet.subarray(six ? 8 : 12, at)) + protocol + packet.length - at);
  while (all >>> 16) all = (all & 0xffff) + (all >>> 16);
  return all;
}

/** A SYN from port 4646 to port 80. */
function syn(six: boolean): Uint8Array<ArrayBuffer> {
  const at = six ? 40 : 20, packet = new Uint8Array(at + 20), view = new DataView(packet.buffer);
  if (six) packet.set([0x60, 0, 0, 0, 0, 20, 6, 64], 0);
  else packet.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6], 0);
  packet.set(six ? [0xfd, 0x46] : [10, 46, 46, 46], six ? 8 : 12);
  packet.set(six ? [0x20, 0x01] : [192, 0, 2, 1], six ? 24 : 16);
  view.setUint16(at, 4646);
  view.setUint16(at + 2, 80);
  view.setUint32(at + 4, 0xffffffff);
  packet.set([0x50, 2], at + 12);
  return packet;
}

for (const six of [false, true]) {
  test(`the TCP reset and the ICMP error that answer an IPv${six ? 6 : 4} SYN are valid`, () => {
    const at = six ? 40 : 20, packet = syn(six), { from, to } = tcpEnds(packet)!;
    assert.deepEqual([from.port, to.port], [4646, 80]);
    sumTcp(packet);
    assert.equal(sum(packet, at, 6), 0xffff);
    const reset = resetOf(packet), back = tcpEnds(reset)!;
    assert.deepEqual([back.from, back.to], [to, from]);
    assert.equal(new DataView(reset.buffer).getUint32(at + 8), 0, "the number behind the SYN's, which goes round");
    assert.equal(sum(reset, at, 6), 0xffff);
    const told = unreachable(packet, { four: 1, six: 3 });
    assert.deepEqual([told[at], told[at + 1]], six ? [1, 3] : [3, 1]);
    assert.equal(sum(told, at, six ? 58 : 1), 0xffff);
    for (let size = 1; size < packet.length; size++) assert.equal(tcpEnds(packet.slice(0, size)), undefined);
  });
}

test("the checksum of an IPv6 datagram is valid for any payload", () => {
  const ends = [{ octets: new Uint8Array(16).fill(0xfd), port: 53 }, {
    octets: new Uint8Array(16).fill(1),
    port: 4646,
  }] as const;
  fc.assert(fc.property(fc.uint8Array({ maxLength: 99 }), (payload) => {
    assert.equal(sum(datagramPacket(...ends, payload), 40, 17), 0xffff);
  }));
});
