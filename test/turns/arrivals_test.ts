import assert from "node:assert/strict";
import { test } from "node:test";
import { Arrivals } from "../../src/turns/arrivals.ts";

/** A socket of that name; `closed` gets the name when it is closed. */
const socket = (name: string, closed: string[]) => ({ name, close: () => void closed.push(name) });

test("arrivals are accepted in their order, those that accept() waits for too", async () => {
  const arrivals = new Arrivals<ReturnType<typeof socket>>(), closed: string[] = [];
  const first = arrivals.accept();
  for (const name of ["a", "b", "c"]) arrivals.add(socket(name, closed));
  const names = [await first, await arrivals.accept(), await arrivals.accept()].map((one) => one?.name);
  assert.deepEqual([names, closed], [["a", "b", "c"], []]);
});

test("once closed, what has not been accepted is closed, and so is what arrives; accept() gives null", async () => {
  const arrivals = new Arrivals<ReturnType<typeof socket>>(), closed: string[] = [];
  arrivals.add(socket("a", closed));
  arrivals.close();
  arrivals.add(socket("b", closed));
  assert.deepEqual([await arrivals.accept(), closed, arrivals.closed], [null, ["a", "b"], true]);
  const others = new Arrivals<ReturnType<typeof socket>>(), waiting = others.accept();
  others.close();
  assert.equal(await waiting, null);
});
