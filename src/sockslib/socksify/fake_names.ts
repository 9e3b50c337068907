import { NetError } from "../../net/error.ts";
import { formatIp, parseIp } from "../../protocol/address.ts";
import { parsePrefix } from "../../protocol/prefix.ts";
import type { FakePair, FakeTable } from "./answers.ts";

/** RFC 2544's block for benchmarks, and a part of RFC 4193's: nobody is reached there. */
const pool4 = parsePrefix("198.18.0.0/15")!;
const pool6 = parsePrefix("fd46:198:18::/64")!;
const SIZE = 2 ** 17;

/** An address is given to another name only when it was not asked for this long (ms). */
const EXPIRY_MS = 600_000;

interface Entry {
  readonly name: string;
  readonly pair: FakePair;
  usedAt: number;
  pins: number;
}

/** The mapping table (RFC 3089 s2): one address of each pool, in step, for each name; case does not count. */
export class FakeNames implements FakeTable {
  /** The one used longest ago comes first. */
  readonly #byName = new Map<string, Entry>();
  readonly #byAddress = new Map<string, Entry>();
  #next = 1;

  covers(address: string): boolean {
    const octets = parseIp(address);
    return octets !== undefined && (pool4.contains(octets) || pool6.contains(octets));
  }

  nameOf(address: string): string | undefined {
    const entry = this.#byAddress.get(address);
    return entry && this.#use(entry).name;
  }

  fake(name: string): FakePair {
    const key = folded(name);
    let entry = this.#byName.get(key);
    if (!entry) {
      entry = { name: key, pair: this.#next < SIZE ? pairOf(this.#next++) : this.#reuse(), usedAt: 0, pins: 0 };
      this.#byAddress.set(entry.pair.v4, entry).set(entry.pair.v6, entry);
    }
    return this.#use(entry).pair;
  }

  /** Keeps what stands for `name` until the returned function is called. */
  pin(name: string): () => void {
    const entry = this.#byName.get(folded(name));
    if (!entry) return () => {};
    entry.pins++;
    let pinned = true;
    return () => {
      if (pinned) entry.pins--;
      pinned = false;
    };
  }

  #use(entry: Entry): Entry {
    entry.usedAt = performance.now();
    this.#byName.delete(entry.name);
    this.#byName.set(entry.name, entry);
    return entry;
  }

  #reuse(): FakePair {
    for (const [name, { pair, pins, usedAt }] of this.#byName) {
      if (performance.now() - usedAt < EXPIRY_MS) break;
      if (pins > 0) continue;
      this.#byName.delete(name);
      return pair;
    }
    throw new NetError("name-lookup-failed", "Cannot resolve a name: every fake address is in use");
  }
}

function folded(name: string): string {
  return name.toLowerCase().replace(/(.)\.$/, "$1");
}

function pairOf(index: number): FakePair {
  return { v4: formatIp(added(pool4.octets, index)), v6: formatIp(added(pool6.octets, index)) };
}

function added(octets: Uint8Array, number: number): Uint8Array {
  const sum = octets.slice();
  for (let at = sum.length - 1, rest = number; rest > 0; at--) {
    rest += sum[at]!;
    sum[at] = rest & 0xff;
    rest >>= 8;
  }
  return sum;
}
