import assert from "node:assert/strict";
import { describe } from "node:test";
import { Wire } from "../../src/gateway/entrance/wire.ts";
import { memoryCollector } from "../../src/net/open.ts";
import { Command } from "../../src/protocol/codes.ts";
import { decodeReply } from "../../src/protocol/request.ts";
import { Peer } from "../support/memory/peer.ts";
import { settle } from "../support/memory/test_clock.ts";
import { GATEWAY4, SERVER4, type World, worldTest } from "../support/memory/world.ts";

const SESSIONS = 4;

/** JavaScriptCore takes what lies on the stack for a reference, so one of them may stay. */
const SPARED = 1;

/** Wires and judges of the sessions in `world` from now on; nothing is kept by that. */
function noted({ context: { ruleset } }: World): Readonly<Record<"judge" | "wire", WeakRef<object>[]>> {
  const all: Readonly<Record<"judge" | "wire", WeakRef<object>[]>> = { judge: [], wire: [] };
  const { judgeFor } = ruleset;
  ruleset.judgeFor = (...party) => {
    const judge = judgeFor.apply(ruleset, party);
    all.judge.push(new WeakRef(judge));
    return judge;
  };
  const { peek } = Wire.prototype;
  Wire.prototype.peek = function () {
    all.wire.push(new WeakRef(this));
    return peek.call(this);
  };
  return all;
}

async function assertGone(all: ReturnType<typeof noted>): Promise<void> {
  const collect = await memoryCollector();
  const kept = () => Object.values(all).map((refs) => refs.filter((ref) => ref.deref() !== undefined).length);
  for (let turn = 0; turn < 20 && kept().some((count) => count > SPARED); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // what was looked at stays until the turn is over
    collect();
  }
  assert.deepEqual(Object.values(all).map((refs) => refs.length), [SESSIONS, SESSIONS]);
  for (const [what, refs] of Object.entries(all)) {
    const count = refs.filter((ref) => ref.deref() !== undefined).length;
    assert.ok(count <= SPARED, `${count} of ${refs.length} sessions that relay keep their ${what}`);
  }
}

describe("A relaying session keeps neither its handshake buffer nor its judge in memory", () => {
  worldTest("for CONNECT", {}, async (world) => {
    const all = noted(world);
    const pairs: { client: Peer; server: Peer }[] = [];
    for (let i = 0; i < SESSIONS; i++) pairs.push(await world.connected(4, 4));
    await assertGone(all);
    for (const { client, server } of pairs) {
      await client.send("'ping'");
      assert.equal(server.heardText(), "ping");
      await client.finish();
      await server.finish();
    }
    assert.deepEqual(world.records.map(({ end }) => end), Array(SESSIONS).fill("end"));
  });

  worldTest("for BIND", {}, async (world) => {
    const all = noted(world);
    const pairs: { client: Peer; peer: Peer }[] = [];
    for (let i = 0; i < SESSIONS; i++) {
      const client = await world.request(Command.Bind, { host: SERVER4, port: 0 });
      const { port } = decodeReply(client.heardBytes())!.value.bound;
      const peer = new Peer(await world.servers[4].connect({ host: GATEWAY4, port }));
      await settle();
      pairs.push({ client, peer });
    }
    await assertGone(all);
    for (const { client, peer } of pairs) {
      await client.close();
      await peer.close();
    }
    assert.deepEqual(world.records.map(({ end }) => end), Array(SESSIONS).fill("end"));
  });
});
