import type { SessionRecord } from "../../../src/events.ts";

let lastId = 0;

/** A record as a session leaves it, with what a test wants to be otherwise. */
export function sessionRecord(changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: ++lastId,
    client: { host: "198.51.100.10", port: 50_000 },
    startedAt: 0,
    counts: { up: 0, down: 0 },
    datagrams: { up: 0, down: 0 },
    dropped: {},
    end: "end",
    endedAt: 0,
    ...changes,
  };
}
