import { addressText } from "../protocol/address.ts";
import { commandName, Method, methodName, replyLabel } from "../protocol/codes.ts";
import type { Emit, RelayType, SessionRecord } from "../events.ts";
import { type FailureKind, failureKind, failureKinds } from "./failure_kind.ts";
import { fitting, type Told } from "./fitting.ts";
import { atOnce, STEP } from "./steps.ts";
import { mostOfAll, Usage } from "./usage/usage.ts";
import type { Activity, Failure, FailureView, RelayView, SessionView, Unwanted, WantedSessions } from "./status.ts";

/** Maximum number of failures kept. */
const MAX_FAILURES = 50;

const relayTypes: readonly RelayType[] = ["A", "B", "C", "D"];

/** The activity of one thread: its sessions, the octets by relay type, and the last failures. */
export class ActivityLog {
  /** Current sessions, the oldest first. */
  readonly sessions: ReadonlySet<SessionRecord>;
  readonly #live = new Set<SessionRecord>();
  readonly #failures: FailureView[] = [];
  #clients = 0;
  readonly #failed = noFailures();
  readonly #usage: Usage;
  /** Totals of ended sessions. */
  readonly #ended = Object.fromEntries(relayTypes.map((type) => [type, { total: 0, up: 0, down: 0 }])) as Record<
    RelayType,
    { total: number; up: number; down: number }
  >;

  /** `now` is a time of the sessions' clock. */
  constructor(now: () => number = () => performance.now()) {
    this.sessions = this.#live;
    this.#usage = new Usage(now);
  }

  readonly listen: Emit = (event) => {
    switch (event.type) {
      case "session-opened":
        this.#clients++;
        this.#live.add(event.session);
        break;
      case "session-closed":
        this.#close(event.session);
        this.#usage.listen(event);
        break;
      case "client-turned-away":
        this.#clients++;
        this.#fail({ client: event.client.host, end: event.reason, kind: "turned-away" });
        break;
    }
  };

  /** All at once. `now` is a time of the sessions' clock. */
  activity(now: number, wanted: WantedSessions): Activity {
    return atOnce(this.look(now, wanted));
  }

  /** The same in steps, so that clients do not wait for the whole: yields after each step, and sessions may end meanwhile. */
  *look(now: number, { most, filter }: WantedSessions): Generator<void, Activity> {
    const youngest = Array.from(this.#live).reverse();
    // Copied now: a session that ends meanwhile would count twice.
    const relays = Object.fromEntries(
      relayTypes.map((type) => [type, { sessions: 0, ...this.#ended[type] }]),
    ) as Record<
      RelayType,
      { -readonly [K in keyof RelayView]: RelayView[K] }
    >;
    const [clients, failedBy] = [this.#clients, { ...this.#failed }];
    const usage = this.#usage.adding();
    const fits = fitting(filter ?? "");
    const matching: SessionRecord[] = filter ? [] : youngest;
    for (let at = 0; at < youngest.length; at++) {
      if (at % STEP === STEP - 1) yield;
      const session = youngest[at]!;
      const { relayType, counts } = session;
      usage.add(session);
      if (filter && fits(names(session))) matching.push(session);
      if (!relayType) continue;
      const relay = relays[relayType];
      relay.sessions++;
      relay.total++;
      relay.up += counts.up;
      relay.down += counts.down;
    }
    yield;
    const sessions: SessionView[] = [];
    for (const session of yield* some(matching, most, ({ counts }) => counts.up + counts.down)) {
      sessions.push(view(session, now));
      if (sessions.length % STEP === 0) yield;
    }
    yield;
    return {
      sessionCount: youngest.length,
      matchCount: matching.length,
      sessions,
      failures: this.#failures.toReversed(),
      relays,
      clients,
      failed: sumOf(failedBy),
      failedBy,
      most: usage.most(),
    };
  }

  /** The same as JSON: to write 10,000 sessions takes as long as to look at them. */
  *lookAsText(now: number, wanted: WantedSessions): Generator<void, string> {
    const { sessions, ...others } = yield* this.look(now, wanted);
    const texts: string[] = [];
    for (let at = 0; at < sessions.length; at += STEP) {
      texts.push(JSON.stringify(sessions.slice(at, at + STEP)).slice(1, -1));
      yield;
    }
    return `{"sessions":[${texts.join()}],${JSON.stringify(others).slice(1)}`;
  }

  #close(session: SessionRecord): void {
    this.#live.delete(session);
    if (session.relayType) {
      const ended = this.#ended[session.relayType];
      ended.total++;
      ended.up += session.counts.up;
      ended.down += session.counts.down;
    }
    const kind = failureKind(session);
    if (!kind) return;
    const { username, command, destination, reply, detail } = session;
    this.#fail({
      client: session.client.host,
      ...username !== undefined && { user: username },
      ...command && { command: commandName(command) },
      ...destination && { destination: addressText(destination) },
      ...reply !== undefined && { reply: replyLabel(reply) },
      ...detail && { detail },
      end: session.end!,
      kind,
    });
  }

  #fail(failure: Failure): void {
    this.#failed[failure.kind]++;
    const last = this.#failures.at(-1);
    const again = last && sameFailure(last, failure);
    if (again) this.#failures.pop();
    this.#failures.push({ ...failure, at: Date.now(), count: again ? last.count + 1 : 1 });
    if (this.#failures.length > MAX_FAILURES) this.#failures.shift();
  }
}

/** The activity of several threads together. */
export function allActivity(threads: readonly Activity[], most: number): Activity {
  const relays = Object.fromEntries(relayTypes.map((type) => {
    const each = threads.map((thread) => thread.relays[type]);
    const sum = (field: keyof RelayView) => each.reduce((sum, relay) => sum + relay[field], 0);
    return [type, { sessions: sum("sessions"), total: sum("total"), up: sum("up"), down: sum("down") }];
  })) as unknown as Record<RelayType, RelayView>;
  const all = (field: "sessionCount" | "matchCount" | "clients" | "failed") =>
    threads.reduce((sum, thread) => sum + thread[field], 0);
  const sessions = threads.flatMap(({ sessions }) => sessions).sort((a, b) => a.ageMs - b.ageMs);
  return {
    sessionCount: all("sessionCount"),
    matchCount: all("matchCount"),
    sessions: atOnce(some(sessions, most, ({ up, down }) => up + down)),
    failures: threads.flatMap(({ failures }) => failures).sort((a, b) => b.at - a.at).slice(0, MAX_FAILURES),
    relays,
    clients: all("clients"),
    failed: all("failed"),
    failedBy: Object.fromEntries(
      failureKinds.map((kind) => [kind, threads.reduce((sum, { failedBy }) => sum + failedBy[kind], 0)]),
    ) as Record<FailureKind, number>,
    most: mostOfAll(threads.map(({ most }) => most)),
  };
}

/** The activity that remains of a dead thread. */
export function lastActivity({ relays, ...activity }: Activity): Activity {
  const ended = Object.fromEntries(relayTypes.map((type) => [type, { ...relays[type], sessions: 0 }]));
  const most = mostOfAll([]); // recent usage is not kept forever
  return { ...activity, sessionCount: 0, matchCount: 0, sessions: [], most, relays: ended as Activity["relays"] };
}

/** At most `most` sessions: the youngest for one half, those with the most octets for the other; in their order. */
function* some<T>(
  youngestFirst: readonly T[],
  most: number,
  octets: (session: T) => number,
): Generator<void, readonly T[]> {
  if (youngestFirst.length <= most) return youngestFirst;
  const young = Math.ceil(most / 2), busy = most - young;
  const moved = Float64Array.from(youngestFirst.slice(young), octets);
  yield;
  const least = moved.toSorted().at(-busy)!; // sorts numbers only, which is by far the fastest
  yield;
  let alike = busy - moved.reduce((count, one) => one > least ? count + 1 : count, 0);
  const isBusy = (one: number) => one > least || (one === least && alike-- > 0);
  return youngestFirst.filter((_, place) => place < young || (busy > 0 && isBusy(moved[place - young]!)));
}

/** The texts that a filter searches. */
function names({ id, client, username, command, destination, remote, via, relayType }: SessionRecord): Told {
  return {
    id,
    client: addressText(client),
    user: username,
    command: command && commandName(command),
    destination: destination && addressText(destination),
    remote: remote && addressText(remote),
    via,
    relay: relayType,
  };
}

/** True if the session is one of those to end. */
export function isUnwanted(unwanted: Unwanted, { id, username, client }: SessionRecord): boolean {
  if ("id" in unwanted) return id === unwanted.id;
  return "user" in unwanted ? username === unwanted.user : client.host === unwanted.client;
}

function view(session: SessionRecord, now: number): SessionView {
  const { username, command, destination, remote, via, relayType, counts, datagrams } = session;
  return {
    id: session.id,
    client: addressText(session.client),
    ...username !== undefined && { user: username },
    ...session.protection !== undefined && { method: methodName(Method.Gssapi), protection: session.protection },
    ...command && { command: commandName(command) },
    ...destination && { destination: addressText(destination) },
    ...remote && { remote: addressText(remote) },
    ...via !== undefined && { via },
    ...relayType && { relay: relayType },
    ageMs: now - session.startedAt,
    up: counts.up,
    down: counts.down,
    datagramsUp: datagrams.up,
    datagramsDown: datagrams.down,
  };
}

function sameFailure(a: Failure, b: Failure): boolean {
  return a.client === b.client && a.end === b.end && a.destination === b.destination && a.detail === b.detail &&
    a.user === b.user;
}

function noFailures(): Record<FailureKind, number> {
  return { refused: 0, password: 0, unreachable: 0, broken: 0, "turned-away": 0 };
}

function sumOf(counts: Readonly<Record<FailureKind, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
