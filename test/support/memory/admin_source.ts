import type { AdminSource } from "../../../src/admin/app.ts";
import { History } from "../../../src/admin/history/history.ts";
import { type Facts, type Health, noNamesFacts, readiness } from "../../../src/admin/readiness.ts";
import { counted } from "../program/counted.ts";

/** What readiness is judged by where all is well, with what a test wants to be otherwise. */
export function facts(changes: Partial<Facts> = {}): Facts {
  return {
    now: 1_000_000,
    draining: false,
    sessions: 3,
    listeners: 2,
    accept: undefined,
    workers: 2,
    silentWorkers: 0,
    hungWorkers: 0,
    heardAt: 999_000,
    names: noNamesFacts,
    probesNames: false,
    ipv4: { from: "192.0.2.1", near: "192.0.2.1", since: 0 },
    ipv6: { from: "2001:db8::1", near: "2001:db8::1", since: 0 },
    chains: [],
    ...changes,
  };
}

export const ready: Health = readiness(facts());

/** What a status says where nothing has happened. */
export const quiet = {
  failedBy: { refused: 0, password: 0, unreachable: 0, broken: 0, "turned-away": 0 },
  most: { clients: [], users: [], destinations: [] },
  wrong: [],
  rules: { count: 0, neverHit: 0, rules: [] },
  room: { openDescriptors: 20, maxDescriptors: 1_024, usedMemory: 1e9, memory: 4e9 },
  maxSessions: 10_000,
  reload: { generation: 1, at: "2026-01-02T03:04:05.000Z", problems: [] },
  drainMs: 30_000,
} as const;

/** A program that does nothing, but for `parts`. */
export function adminSource(parts: Partial<AdminSource> = {}): AdminSource {
  return {
    health: () => ready,
    alive: () => true,
    metrics: () => Promise.resolve([counted().snapshot()]),
    status: () => Promise.resolve(undefined),
    endSessions: () => Promise.resolve(0),
    reload: () => Promise.resolve([]),
    drain: () => {},
    proxyWays: () => undefined,
    history: (span) => new History(() => 1_000_000_000_000).past(span),
    acted: () => {},
    help: () => "all options\n",
    ...parts,
  };
}
