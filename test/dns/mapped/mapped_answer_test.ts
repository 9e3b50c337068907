import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import { type Answering, mappedAnswer } from "../../../src/dns/mapped/mapped_answer.ts";
import { NetError } from "../../../src/net/error.ts";
import { FakeAddresses } from "../../../src/sockslib/fake/fake_addresses.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

const names = new FakeAddresses({ clock: new TestClock() });
const answering: Answering = {
  names,
  ttlS: 60,
  exists: (name) => {
    if (name === "broken.test") return Promise.reject(new NetError("name-lookup-failed", "no answer"));
    return Promise.resolve(name.endsWith(".test"));
  },
};

async function ask(type: string, name: string, edns = false) {
  const query = encode({
    type: "query",
    id: 4646,
    flags: 256,
    questions: [{ type, name } as never],
    additionals: edns
      ? [{
        type: "OPT",
        name: ".",
        udpPayloadSize: 4096,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      }]
      : [],
  });
  const answer = await mappedAnswer(new Uint8Array(query), answering);
  return { octets: answer!, ...decode(Buffer.from(answer!)) };
}

test("a name resolves to an address of each family, and PTR returns the name", async () => {
  const { answers, octets, questions, id } = await ask("A", "WWW.Example.Test");
  assert.deepEqual([octets[3]! & 15, id, questions![0]!.name], [0, 4646, "WWW.Example.Test"], "in its own letters");
  const { data, ttl } = answers![0] as { data: string; ttl: number };
  assert.deepEqual([names.nameOf(data), ttl], ["www.example.test", 60]);
  const six = (await ask("AAAA", "www.example.test")).answers![0] as { data: string };
  assert.equal(names.nameOf(six.data), "www.example.test");
  const reverse = `${data.split(".").reverse().join(".")}.in-addr.arpa`;
  assert.equal(((await ask("PTR", reverse)).answers![0] as { data: string }).data, "www.example.test");
});

test("other record types are empty, and a nonexistent name is NXDOMAIN", async () => {
  const outcome = async (type: string, name: string) => {
    const { answers, octets } = await ask(type, name);
    return [octets[3]! & 15, answers!.length];
  };
  for (const type of ["MX", "TXT", "SRV", "NS", "SOA"]) assert.deepEqual(await outcome(type, "www.test"), [0, 0], type);
  assert.deepEqual(await outcome("A", "www.nowhere"), [3, 0]);
  assert.deepEqual(await outcome("PTR", "1.2.0.192.in-addr.arpa"), [3, 0]);
  assert.deepEqual(await outcome("A", "broken.test"), [2, 0]);
});

test("localhost is this host (RFC 6761 s6.3)", async () => {
  assert.equal(((await ask("A", "localhost")).answers![0] as { data: string }).data, "127.0.0.1");
  assert.equal(((await ask("AAAA", "any.LOCALHOST")).answers![0] as { data: string }).data, "::1");
});

test("an EDNS query gets an EDNS answer, and an unknown EDNS version gets BADVERS", async () => {
  assert.equal((await ask("A", "www.test", true)).additionals!.length, 1);
  assert.equal((await ask("A", "www.test")).additionals!.length, 0);
  const query = new Uint8Array(encode({ type: "query", id: 1, questions: [{ type: "A", name: "www.test" }] }));
  const newer = new Uint8Array([...query, 0, 0, 41, 4, 0, 0, 1, 0, 0, 0, 0]);
  newer[11] = 1;
  const answer = (await mappedAnswer(newer, answering))!;
  assert.equal(answer[answer.length - 6], 1, "the upper bits of the RCODE");
});

test("any octets get no answer, or an answer with the id of the query", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
    const answer = await mappedAnswer(octets, answering);
    if (answer) assert.deepEqual([answer[0], answer[1], answer[2]! & 0x80], [octets[0], octets[1], 0x80]);
  }));
});

test("a label with a dot is not split into two labels, and is NXDOMAIN", async () => {
  const asked = (...labels: readonly string[]) => {
    const name = labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
    return mappedAnswer(Uint8Array.of(0, 46, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 1, 0, 1), answering);
  };
  assert.equal((await asked("a", "test"))![3]! & 15, 0);
  assert.equal((await asked("a.test"))![3]! & 15, 3, "NXDOMAIN");
});
