import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, test } from "node:test";
import { NetError } from "../../../src/net/error.ts";
import type { GssContext } from "../../../src/net/gss/gss.ts";
import { acceptorBy } from "../../../src/net/gss/gss_acceptor.ts";
import { gssLoader, memoryCollector } from "../../../src/net/open.ts";
import { MAX_TOKEN_SIZE, wrapHeader } from "../../../src/protocol/gssapi.ts";
import { type Initiator, Initiators } from "../../support/kerberos/initiator.ts";
import { Kdc, noKerberos } from "../../support/kerberos/kdc.ts";
import { skipped, slow } from "../../support/program/skipped.ts";
import { hex, pattern } from "../../support/wire/bytes.ts";

const skip = skipped("gss_library_test, GSSAPI's library", noKerberos);
const SERVICE = "rcmd/localhost@GATE46.TEST";

/** What growth of memory (octets) may come from anything: a context has 10 KiB and more. */
const NOISE = 16 << 20;

if (!skip) {
  const kdc = await Kdc.start(), keytab = kdc.service("rcmd/localhost"), alice = kdc.user("alice", ["rcmd/localhost"]);
  const initiators = new Initiators(kdc.environment);
  const open = await gssLoader(), collect = await memoryCollector();
  const acceptor = acceptorBy(open, { keytab });
  after(() => {
    acceptor.close();
    initiators.close();
    kdc.stop();
  });

  const pair = async (): Promise<{ initiator: Initiator; context: GssContext }> => {
    const initiator = await initiators.begin(alice, SERVICE);
    const context = acceptor.accept();
    await initiator.step(context.step((await initiator.step()).token));
    return { initiator, context };
  };
  const memory = () => {
    collect();
    return process.memoryUsage().rss;
  };

  describe("A context", () => {
    test("reports its initiator", async () => {
      const { context } = await pair();
      assert.deepEqual([context.established, context.mutual, context.peer], [true, true, "alice@GATE46.TEST"]);
      context.close();
    });

    for (const sealed of [false, true]) {
      test(`wraps and unwraps messages of every size, ${sealed ? "encrypted" : "not encrypted"}`, async () => {
        const { initiator, context } = await pair();
        const most = context.capacity(sealed, MAX_TOKEN_SIZE);
        for (const size of [0, 1, 15, 16, 17, 1_400, 16_384, most]) {
          const octets = pattern(size), token = context.wrap(octets, sealed, 4);
          assert.deepEqual(await initiator.unwrap(token.subarray(4)), { message: octets, sealed });
          const back = context.unwrap(await initiator.wrap(octets, sealed));
          assert.deepEqual([hex(back.bytes), back.sealed], [hex(octets), sealed]);
        }
        assert.equal(context.wrap(new Uint8Array(most), sealed, 0).length, MAX_TOKEN_SIZE);
        assert.throws(() => context.wrap(new Uint8Array(most + 1), sealed, 0), NetError);
        context.close();
      });
    }

    test("unwraps repeated and late tokens; the caller decides on them", async () => {
      const { initiator, context } = await pair();
      const [one, two, three] = await Promise.all([1, 2, 3].map((size) => initiator.wrap(pattern(size), true)));
      for (const [token, size] of [[one, 1], [one, 1], [three, 3], [two, 2]] as const) {
        assert.deepEqual(context.unwrap(token!), { bytes: pattern(size), sealed: true });
      }
      context.close();
    });

    test("rejects changed and truncated tokens with the library's error, then unwraps the valid token", async () => {
      const { initiator, context } = await pair();
      const token = await initiator.wrap(pattern(100), true);
      for (const at of [0, 2, 20, token.length - 1]) {
        const changed = token.slice();
        changed[at]! ^= 1;
        assert.throws(() => context.unwrap(changed), /Cannot unwrap: \w+/);
      }
      for (const size of [0, 1, 15, 16, token.length - 1]) {
        assert.throws(() => context.unwrap(token.subarray(0, size)), NetError);
      }
      assert.throws(() => context.unwrap(new Uint8Array(MAX_TOKEN_SIZE + 1)), NetError);
      assert.deepEqual(context.unwrap(token).bytes, pattern(100));
      context.close();
      context.close();
      assert.throws(() => context.unwrap(token), /closed/);
    });

    test("reports the library's error for an invalid token and a missing keytab", () => {
      const context = acceptor.accept();
      assert.throws(() => context.step(new Uint8Array(300).fill(0x60)), /Cannot accept the context: \w+/);
      context.close();
      assert.throws(() => acceptorBy(open, { keytab: "/nowhere" }).check(), /nowhere/);
    });
  });

  test("10,000 accepted and 10,000 refused contexts do not increase memory", {
    skip: slow("gss_library_test, 10,000 contexts"),
  }, async () => {
    const { token } = await (await initiators.begin(alice, SERVICE)).step();
    const wrong = token.slice();
    wrong[wrong.length - 30]! ^= 1;
    const times = (count: number, work: () => void) => {
      for (let i = 0; i < count; i++) work();
    };
    const good = () => {
      const context = acceptor.accept();
      context.step(token);
      context.wrap(pattern(10), true, 0);
      context.close();
    };
    const bad = () => {
      const context = acceptor.accept();
      assert.throws(() => context.step(wrong), NetError);
      context.close();
    };
    for (const work of [good, bad]) {
      times(500, work);
      const before = memory();
      times(10_000, work);
      const grown = memory() - before;
      assert.ok(grown < NOISE, `${grown >> 10} KiB more`);
    }
  });

  test("1,000,000 changed tokens cause no crash and never unwrap to another message", {
    skip: slow("gss_library_test, 10^6 tokens"),
  }, async () => {
    const { initiator, context } = await pair();
    const { token: first } = await (await initiators.begin(alice, SERVICE)).step();
    const meant = [0, 1, 40, 700].flatMap((size) => [false, true].map((sealed) => ({ bytes: pattern(size), sealed })));
    const wrapped = await Promise.all(meant.map(({ bytes, sealed }) => initiator.wrap(bytes, sealed)));
    let state = 46;
    const random = (below: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0, (state >>> 8) % below);
    const changed = (token: Uint8Array): Uint8Array => {
      const how = random(4);
      if (how === 0) return token.slice(0, random(token.length));
      const copy = how === 1 ? Uint8Array.of(...token, ...pattern(1 + random(50), random(256))) : token.slice();
      const within = how === 2 ? Math.min(60, copy.length) : copy.length;
      for (let left = 1 + random(8); how > 1 && left > 0; left--) copy[random(within)]! ^= 1 + random(255);
      return copy;
    };
    const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((octet, i) => octet === b[i]);
    let taken = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const original = i % 5 === 0 ? first : wrapped[i % wrapped.length]!;
      const token = changed(original);
      if (same(token, original)) continue;
      const begun = original === first ? acceptor.accept() : undefined;
      try {
        taken++;
        // What stands beside the ciphertexts may say anything: the name of the service, how far a token is rotated.
        if (begun) {
          begun.step(token);
          assert.ok(!begun.established || begun.peer === "alice@GATE46.TEST");
        } else {
          const { bytes, sealed } = meant[i % wrapped.length]!, said = context.unwrap(token);
          assert.ok(same(said.bytes, bytes) && said.sealed === sealed, hex(token));
          assert.deepEqual(wrapHeader(token), wrapHeader(original));
        }
      } catch (error) {
        taken--;
        assert.ok(error instanceof NetError, String(error));
      } finally {
        begun?.close();
      }
    }
    context.close();
    assert.ok(taken < 100_000, `${taken} were taken`);
  });
} else test("GSSAPI's library", { skip }, () => {});
