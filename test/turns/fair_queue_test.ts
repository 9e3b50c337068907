import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Cut } from "../../src/net/cut.ts";
import { NetError } from "../../src/net/error.ts";
import { type Asker, type EndTurn, FairQueue } from "../../src/turns/fair_queue.ts";

const wide = { all: 1_000, client: 1_000, user: 1_000 };
const isBusy = (error: unknown) => error instanceof NetError && error.kind === "busy";
const isAborted = (error: unknown) => error instanceof NetError && error.kind === "aborted";

/** Everything that has been promised so far has happened. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Turns in the order they were given, each by the name of its asker. */
function recorder(queue: FairQueue) {
  const given: { name: string; end: EndTurn }[] = [];
  const lost: string[] = [];
  const ask = (client: string, user?: string, cut?: Cut) => {
    const name = user === undefined ? client : `${client}/${user}`;
    queue.turn({ client, user }, cut).then((end) => given.push({ name, end }), () => lost.push(name));
  };
  return { given, lost, ask, names: () => given.map(({ name }) => name) };
}

test("a turn is given at once while there is room, and ends once", async () => {
  const queue = new FairQueue("wait", { all: 2, client: 2, user: 2 }, wide);
  const end = await queue.turn({ client: "a" });
  equal(queue.underWay, 1);
  end();
  end();
  equal(queue.underWay, 0);
});

test("clients take turns, however much one of them asks for", async () => {
  const queue = new FairQueue("wait", { all: 1, client: 1, user: 1 }, wide);
  const { given, ask, names } = recorder(queue);
  for (let i = 0; i < 5; i++) ask("greedy");
  ask("b");
  ask("c");
  await settled();
  for (let i = 0; i < 7; i++) {
    given[i]!.end();
    await settled();
  }
  deepEqual(names(), ["greedy", "b", "c", "greedy", "greedy", "greedy", "greedy"]);
});

test("the users of one client take turns", async () => {
  const queue = new FairQueue("wait", { all: 1, client: 1, user: 1 }, wide);
  const { given, ask, names } = recorder(queue);
  for (let i = 0; i < 3; i++) ask("home", "mallory");
  ask("home", "ann");
  await settled();
  for (let i = 0; i < 4; i++) {
    given[i]!.end();
    await settled();
  }
  deepEqual(names(), ["home/mallory", "home/ann", "home/mallory", "home/mallory"]);
});

test("one client has no more under way than its bound, and others do not wait for it", async () => {
  const queue = new FairQueue("wait", { all: 4, client: 2, user: 2 }, wide);
  const { ask, names } = recorder(queue);
  for (let i = 0; i < 5; i++) ask("greedy");
  ask("b");
  await settled();
  deepEqual(names(), ["greedy", "greedy", "b"]);
  equal(queue.waiting, 3);
});

test("a cut takes what waits out of the queue, and one made before never enters it", async () => {
  const queue = new FairQueue("resolve names", { all: 1, client: 1, user: 1 }, wide);
  const end = await queue.turn({ client: "a" });
  const cut = new Cut();
  const waits = queue.turn({ client: "b" }, cut);
  equal(queue.waiting, 1);
  cut.make();
  await rejects(waits, isAborted);
  await rejects(queue.turn({ client: "b" }, cut), isAborted);
  end();
  deepEqual([queue.underWay, queue.waiting], [0, 0]);
});

test("a client beyond its own bound is refused and nobody else", async () => {
  const queue = new FairQueue("wait", { all: 1, client: 1, user: 1 }, { all: 10, client: 2, user: 2 });
  const end = await queue.turn({ client: "a" });
  const { ask, names, lost } = recorder(queue);
  for (let i = 0; i < 3; i++) ask("greedy");
  ask("b");
  await settled();
  deepEqual(lost, ["greedy"]);
  end();
  await settled();
  deepEqual(names(), ["greedy"]);
});

test("where all places are taken, the client with the most waiting gives up its last", async () => {
  const queue = new FairQueue("wait", { all: 1, client: 1, user: 1 }, { all: 4, client: 4, user: 4 });
  await queue.turn({ client: "busy" });
  const { ask, lost } = recorder(queue);
  for (let i = 0; i < 4; i++) ask("greedy");
  ask("b");
  ask("c");
  await settled();
  deepEqual(lost, ["greedy", "greedy"]);
  ask("d");
  ask("e");
  await settled();
  deepEqual(lost, ["greedy", "greedy", "greedy", "e"], "nobody has more waiting than e would have");
  await rejects(queue.turn({ client: "b" }), isBusy);
});

test("where a client's places are taken, its user with the most waiting gives up its last", async () => {
  const queue = new FairQueue("wait", { all: 1, client: 1, user: 1 }, { all: 9, client: 3, user: 3 });
  await queue.turn({ client: "busy" });
  const { ask, lost } = recorder(queue);
  for (let i = 0; i < 3; i++) ask("home", "mallory");
  ask("home", "ann");
  await settled();
  deepEqual(lost, ["home/mallory"]);
});

type Step = { asker: Asker; does: "ask" | "leave" | "end" };
const askers = fc.record({
  client: fc.constantFrom("a", "b", "c"),
  user: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
});
const steps = fc.array(fc.record<Step>({ asker: askers, does: fc.constantFrom("ask", "ask", "leave", "end") }), {
  maxLength: 60,
});

test("whatever is asked for, bounds hold, nobody idles, and nothing is left when all have gone", async () => {
  const atOnce = { all: 3, client: 2, user: 1 }, waiting = { all: 6, client: 4, user: 3 };
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const queue = new FairQueue("wait", atOnce, waiting);
      const underWay: { asker: Asker; end: EndTurn }[] = [], cuts: Cut[] = [];
      const count = (fits: (asker: Asker) => boolean) => underWay.filter(({ asker }) => fits(asker)).length;
      for (const { asker, does } of steps) {
        if (does === "end") underWay.shift()?.end();
        else if (does === "leave") cuts.shift()?.make();
        else {
          const cut = new Cut();
          cuts.push(cut);
          queue.turn(asker, cut).then((end) => underWay.push({ asker, end }), () => {});
        }
        await settled();
        ok(underWay.length <= atOnce.all && queue.waiting <= waiting.all);
        for (const client of ["a", "b", "c"]) {
          ok(count((asker) => asker.client === client) <= atOnce.client);
          for (const user of [undefined, "x", "y"]) {
            ok(count((asker) => asker.client === client && asker.user === user) <= atOnce.user);
          }
        }
      }
      for (const cut of cuts) cut.make();
      while (underWay.length > 0) {
        underWay.shift()!.end();
        await settled();
      }
      deepEqual([queue.underWay, queue.waiting], [0, 0]);
      const again = await queue.turn({ client: "a", user: "x" });
      again();
    }),
    { numRuns: 60 },
  );
});

test("an innocent waits for one turn of each other client at most, whatever they do", async () => {
  const crowd = fc.array(fc.record({ client: fc.constantFrom("m1", "m2", "m3"), user: fc.constantFrom("u", "v") }), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(crowd, crowd, async (before, after) => {
      const queue = new FairQueue("wait", { all: 1, client: 1, user: 1 }, wide);
      const { given, ask, names } = recorder(queue);
      for (const { client, user } of before) ask(client, user);
      ask("innocent");
      for (const { client, user } of after) ask(client, user);
      await settled();
      for (let i = 0; !names().includes("innocent"); i++) {
        ok(i < 4, names().join());
        given[i]!.end();
        await settled();
      }
    }),
    { numRuns: 60 },
  );
});
