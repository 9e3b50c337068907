import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { Cut } from "../../src/net/cut.ts";
import { NetError } from "../../src/net/error.ts";
import { FairQueue } from "../../src/turns/fair_queue.ts";
import { SharedWork } from "../../src/turns/shared_work.ts";

const ann = { client: "192.0.2.1" }, bob = { client: "192.0.2.2" }, mallory = { client: "192.0.2.66" };
const one = { all: 1, client: 1, user: 1 }, many = { all: 100, client: 100, user: 100 };
const isAborted = (error: unknown) => error instanceof NetError && error.kind === "aborted";
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Work that ends when it is told to. */
function held() {
  const begun: { key: string; unwanted: Cut; finish(value: string): void; fail(error: Error): void }[] = [];
  const work = (key: string) => (unwanted: Cut) =>
    new Promise<string>((resolve, reject) => begun.push({ key, unwanted, finish: resolve, fail: reject }));
  return { begun, work };
}

test("those who ask for one thing at one time share the work, and what it comes to", async () => {
  const shared = new SharedWork<string>(new FairQueue("work", many, many));
  const { begun, work } = held();
  const answers = [ann, bob, ann].map((asker) => shared.ask("k", asker, undefined, work("k")));
  await settled();
  equal(begun.length, 1);
  begun[0]!.finish("done");
  deepEqual(await Promise.all(answers), ["done", "done", "done"]);
  const next = shared.ask("k", ann, undefined, work("k"));
  await settled();
  begun[1]!.fail(new Error("failed"));
  await rejects(next, /failed/);
});

test("work begins in the turn of whoever is first: nobody waits in another's place", async () => {
  const queue = new FairQueue("work", one, many);
  const shared = new SharedWork<string>(queue);
  const { begun, work } = held();
  const keys = ["m1", "m2", "m3", "wanted"];
  const greedy = keys.map((key) => shared.ask(key, mallory, undefined, work(key)));
  const innocent = shared.ask("wanted", bob, undefined, work("wanted"));
  await settled();
  begun[0]!.finish("");
  await settled();
  equal(begun[1]!.key, "wanted");
  begun[1]!.finish("here");
  equal(await innocent, "here");
  for (let i = 2; i < 4; i++) {
    await settled();
    begun[i]!.finish("");
  }
  await Promise.all(greedy);
  deepEqual([queue.underWay, queue.waiting], [0, 0]);
});

test("work goes on while somebody wants it, and is called off when nobody does", async () => {
  const queue = new FairQueue("work", one, many);
  const shared = new SharedWork<string>(queue);
  const { begun, work } = held();
  const cuts = [new Cut(), new Cut()];
  const answers = cuts.map((cut, i) => shared.ask("k", i ? bob : ann, cut, work("k")));
  await settled();
  cuts[0]!.make();
  await rejects(answers[0]!, isAborted);
  ok(!begun[0]!.unwanted.made);
  cuts[1]!.make();
  await rejects(answers[1]!, isAborted);
  ok(begun[0]!.unwanted.made);
  const again = shared.ask("k", ann, undefined, work("k"));
  begun[0]!.fail(new Error("called off"));
  await settled();
  begun[1]!.finish("anew");
  equal(await again, "anew");
  deepEqual([queue.underWay, queue.waiting], [0, 0]);
});

test("work that nobody waits for any more never begins", async () => {
  const queue = new FairQueue("work", one, many);
  const shared = new SharedWork<string>(queue);
  const { begun, work } = held();
  const end = await queue.turn(mallory);
  const cut = new Cut();
  const answer = shared.ask("k", ann, cut, work("k"));
  cut.make();
  await rejects(answer, isAborted);
  deepEqual([queue.waiting, begun.length], [0, 0]);
  end();
  await settled();
  equal(begun.length, 0);
});

test("who has no place is refused, and those who have one are not", async () => {
  const queue = new FairQueue("work", one, { all: 10, client: 1, user: 1 });
  const shared = new SharedWork<string>(queue);
  const { begun, work } = held();
  const end = await queue.turn({ client: "busy" });
  const waits = shared.ask("a", mallory, undefined, work("a"));
  const joins = shared.ask("b", ann, undefined, work("b"));
  await rejects(shared.ask("b", mallory, undefined, work("b")), (error: NetError) => error.kind === "busy");
  end();
  for (let i = 0; i < 2; i++) {
    await settled();
    begun[i]!.finish("ok");
  }
  deepEqual(await Promise.all([waits, joins]), ["ok", "ok"]);
});
