import type { Emit, SessionRecord } from "../../events.ts";
import { failureKind } from "../failure_kind.ts";

/** The groups by which sessions are added up. */
export const groups = ["clients", "users", "destinations"] as const;

export type Group = typeof groups[number];

/** The usage of one client, user or destination: of recently ended sessions and of current ones. */
export interface Used {
  readonly name: string;
  readonly sessions: number;
  readonly failed: number;
  /** Octets of payload. */
  readonly up: number;
  readonly down: number;
}

export type UsedMost = Readonly<Record<Group, readonly Used[]>>;

/** Recent sessions ended in the last one or two windows of this length (ms). */
const WINDOW_MS = 300_000;

/** Maximum names stored in each group; names with the least usage are forgotten first. */
const MAX_NAMES = 256;

/** Names that one thread reports, so that the sum over all threads has the largest. */
const MAX_TOLD = 40;

type Uses = Map<string, { sessions: number; failed: number; up: number; down: number }>;
type Table = Readonly<Record<Group, Uses>>;

/** Stores one thread's names with the most recent usage. */
export class Usage {
  readonly #now: () => number;
  #current = emptyTable();
  #former = emptyTable();
  #since = 0;

  /** `now` is a time of the sessions' clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  readonly listen: Emit = (event) => {
    if (event.type !== "session-closed") return;
    this.#turn();
    add(this.#current, event.session, failureKind(event.session) ? 1 : 0);
    for (const group of groups) if (this.#current[group].size > MAX_NAMES) halve(this.#current[group]);
  };

  /** The usage of ended sessions, to which current ones can be added. */
  adding(): { add(session: SessionRecord): void; most(): UsedMost } {
    this.#turn();
    const all = emptyTable();
    for (const table of [this.#former, this.#current]) {
      for (const group of groups) for (const [name, uses] of table[group]) addUses(all[group], name, uses);
    }
    return {
      add: (session) => add(all, session, 0),
      most: () => each((group) => most(all[group], MAX_TOLD)),
    };
  }

  /** The largest usages, with those of the `live` sessions so far. */
  most(live: Iterable<SessionRecord>): UsedMost {
    const { add, most } = this.adding();
    for (const session of live) add(session);
    return most();
  }

  #turn(): void {
    const passed = this.#now() - this.#since;
    if (passed < WINDOW_MS) return;
    this.#former = passed < 2 * WINDOW_MS ? this.#current : emptyTable();
    this.#current = emptyTable();
    this.#since = this.#now();
  }
}

/** The sum of several threads' usage. */
export function mostOfAll(threads: readonly UsedMost[], count = MAX_TOLD): UsedMost {
  return each((group) => {
    const all: Uses = new Map();
    for (const thread of threads) for (const { name, ...uses } of thread[group]) addUses(all, name, uses);
    return most(all, count);
  });
}

function each(of: (group: Group) => readonly Used[]): UsedMost {
  return { clients: of("clients"), users: of("users"), destinations: of("destinations") };
}

function emptyTable(): Table {
  return { clients: new Map(), users: new Map(), destinations: new Map() };
}

function add(table: Table, session: SessionRecord, failed: number): void {
  const { client, username, destination, counts: { up, down }, end } = session;
  addTo(table.clients, client.host, failed, up, down);
  if (username !== undefined && end !== "authentication-failed") addTo(table.users, username, failed, up, down);
  if (destination) addTo(table.destinations, destination.host, failed, up, down);
}

function addTo(all: Uses, name: string, failed: number, up: number, down: number): void {
  const uses = all.get(name);
  if (!uses) return void all.set(name, { sessions: 1, failed, up, down });
  uses.sessions++;
  uses.failed += failed;
  uses.up += up;
  uses.down += down;
}

function addUses(all: Uses, name: string, { sessions, failed, up, down }: Omit<Used, "name">): void {
  const uses = all.get(name);
  if (!uses) return void all.set(name, { sessions, failed, up, down });
  uses.sessions += sessions;
  uses.failed += failed;
  uses.up += up;
  uses.down += down;
}

/** Forgets half of the names, those up to the mean usage, oldest first: sorting costs a session more than all else here. */
function halve(all: Uses): void {
  let sum = 0;
  for (const uses of all.values()) sum += weight(uses);
  const mean = sum / all.size;
  for (const [name, uses] of all) {
    if (all.size <= MAX_NAMES / 2) return;
    if (weight(uses) <= mean) all.delete(name);
  }
}

/** The `count` names with the most usage, the largest first; equal ones by name. */
function most(all: Uses, count: number): readonly Used[] {
  const best: (readonly [string, Omit<Used, "name">])[] = [];
  const isMore = (one: typeof best[number], other: typeof best[number]) => {
    const more = weight(one[1]) - weight(other[1]);
    return more > 0 || (more === 0 && one[0] < other[0]);
  };
  for (const one of all) {
    if (best.length === count && !isMore(one, best.at(-1)!)) continue;
    let place = best.length < count ? best.length : count - 1;
    for (; place > 0 && isMore(one, best[place - 1]!); place--) best[place] = best[place - 1]!;
    best[place] = one;
  }
  return best.map(([name, uses]) => ({ name, ...uses }));
}

/** The weight of a usage: its octets, and one more for each session. */
function weight({ sessions, up, down }: Omit<Used, "name">): number {
  return up + down + sessions;
}
