import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { History, type Past, type Span } from "../../../src/admin/history/history.ts";
import { placeOf, type Series, series } from "../../../src/admin/history/series.ts";

/** A minute of which a second begins. */
const START = 1_800_000_000_000;

const counted = (amounts: Partial<Record<Series, number>>) => {
  const counts = new Float64Array(series.length);
  for (const [name, amount] of Object.entries(amounts)) counts[placeOf[name as Series]] = amount;
  return counts;
};

function start() {
  let now = START;
  const history = new History(() => now);
  return {
    history,
    /** Goes on to `ms` after the start, and notes what a thread did in the `forMs` before. */
    note(ms: number, forMs: number, amounts: Partial<Record<Series, number>>, sessions = 0) {
      now = START + ms;
      history.note(counted(amounts), forMs, sessions);
    },
    /** What there is of `name` that is not nothing, by when it began (ms after the start). */
    told(span: Span, name: Series, ms: number): Readonly<Record<number, number>> {
      now = START + ms;
      const { from, stepMs, values }: Past = history.past(span);
      const told = values[name].flatMap((value, step) => value === 0 ? [] : [[from + step * stepMs - START, value]]);
      return Object.fromEntries(told);
    },
  };
}

describe("The history", () => {
  test("spreads the counts of a thread over their interval, and adds up threads", () => {
    const { note, told } = start();
    note(2_500, 2_000, { clients: 20, "A-up": 1_000 });
    note(3_000, 2_000, { clients: 4 });
    assert.deepEqual(told("minute", "clients", 10_000), { 0: 5, 1_000: 12, 2_000: 7 });
    assert.deepEqual(told("minute", "A-up", 10_000), { 0: 250, 1_000: 500, 2_000: 250 });
    assert.deepEqual(told("day", "clients", 70_000), { 0: 24 });
  });

  test("leaves out the latest seconds: threads may still report them", () => {
    const { note, told } = start();
    note(1_000, 1_000, { clients: 5 });
    assert.deepEqual(told("minute", "clients", 3_999), {});
    assert.deepEqual(told("minute", "clients", 4_000), { 0: 5 });
  });

  test("keeps the peak session count and the longest dial of each second and each minute", () => {
    const { note, told } = start();
    note(1_000, 1_000, { longestDialMs: 40 }, 7);
    note(2_000, 1_000, { longestDialMs: 900 }, 3);
    note(2_000, 1_000, { longestDialMs: 20 }, 4);
    assert.deepEqual(told("minute", "sessions", 9_000), { 0: 7, 1_000: 4 });
    assert.deepEqual(told("minute", "longestDialMs", 9_000), { 0: 40, 1_000: 900 });
    assert.deepEqual(told("day", "sessions", 63_000), { 0: 7 });
  });

  test("keeps a minute by seconds and a day by minutes, and drops older values", () => {
    const { note, told } = start();
    const day = 86_400_000;
    note(1_000, 1_000, { clients: 1 });
    assert.deepEqual(told("minute", "clients", 63_000), { 0: 1 });
    assert.deepEqual(told("minute", "clients", 64_000), {});
    assert.deepEqual(told("day", "clients", day + 3_000), { 0: 1 });
    assert.deepEqual(told("day", "clients", day + 63_000), {});
    note(3 * day, 2_000, { clients: 2 }); // the places of it were others' before
    assert.deepEqual(told("minute", "clients", 3 * day + 5_000), {
      [3 * day - 2_000]: 1,
      [3 * day - 1_000]: 1,
    });
  });

  test("does not grow after a thread was silent for a week", () => {
    const { note, told } = start();
    note(7 * 86_400_000, 7 * 86_400_000, { clients: 604_800 });
    const seconds = told("minute", "clients", 7 * 86_400_000 + 3_000);
    assert.deepEqual([Object.keys(seconds).length, Object.values(seconds)[0]], [60, 1]);
  });
});
