import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { AUDIT_VERSION, auditLines } from "../../../src/cli/log/audit_lines.ts";
import { clientNaming } from "../../../src/cli/log/clients.ts";
import { programRun } from "../../../src/cli/log/program_run.ts";
import type { Event, UdpDestinationRecord } from "../../../src/events.ts";
import { unixAddr } from "../../../src/net/socket.ts";
import { ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { Command, Method, Reply } from "../../../src/protocol/codes.ts";
import { sessionRecord } from "../../support/memory/session_record.ts";
import { projectRoot } from "../../support/program/runtime.ts";

const session = sessionRecord({
  id: 7,
  startedAt: 1_000,
  endedAt: 3_500.4,
  protocol: "socks5",
  method: Method.UsernamePassword,
  protection: "integrity",
  username: "ann",
  userId: "ann4",
  command: Command.Connect,
  destination: nameAddress("example.org", 443),
  remote: ipAddress("2001:db8::1", 443)!,
  outgoing: "2001:db8::9",
  via: "socks5://192.0.2.9:1080",
  relayType: "B",
  reply: Reply.Succeeded,
  dialMs: 12.3,
  counts: { up: 1, down: 2 },
  datagrams: { up: 3, down: 4 },
  dropped: { refused: 5, lost: 6 },
  end: "end",
  detail: "why",
});

const destination: UdpDestinationRecord = {
  asked: nameAddress("echo.example", 7),
  destinations: 1,
  remote: ipAddress("192.0.2.7", 7)!,
  via: "socks5://192.0.2.9:1080",
  startedAt: 0,
  lastAt: 1_500,
  counts: { up: 10, down: 20 },
  datagrams: { up: 1, down: 2 },
  dropped: { refused: 1 },
  refusedBy: "rules[0]",
};

const events: readonly Event[] = [
  { type: "session-opened", session },
  { type: "session-requested", session },
  { type: "udp-destination", session, destination },
  { type: "session-closed", session },
  { type: "client-turned-away", client: session.client, reason: "client-not-allowed" },
];

function lines(how: "full" | "prefix" | "none" = "full", all = events): readonly Record<string, unknown>[] {
  const lineOf = auditLines("run", clientNaming(how));
  return all.map((event) => {
    const line = lineOf(event)!;
    assert.match(line, /^\{[^\n]*\}\n$/);
    return JSON.parse(line);
  });
}

/** The table of the documentation: by the field, its type and the lines that have it. */
function documented(): ReadonlyMap<string, { readonly type: string; readonly events: readonly string[] }> {
  const text = readFileSync(join(projectRoot, "docs/reference/audit-log.md"), "utf8");
  const rows = Array.from(text.matchAll(/^\| `([\w@]+)` +\| (\w+) +\| (.*?) +\|/gm));
  return new Map(rows.map(([, field, type, events]) => [field!, { type: type!, events: events!.split(", ") }]));
}

test("the documentation lists exactly the fields of audit lines, with their types", () => {
  const fields = documented();
  const shorts: Readonly<Record<string, string>> = {
    "session-open": "open",
    "session-request": "request",
    "udp-destination": "udp",
    "session-end": "end",
    "client-turned-away": "turned away",
  };
  const unix = { ...session, client: unixAddr("/run/s"), remote: unixAddr("/run/t") };
  const seen = new Map<string, Set<string>>();
  const all = [
    ...lines(),
    ...lines("prefix"),
    ...lines("full", [
      ...events.map((event) =>
        "session" in event ? { ...event, session: unix } as Event : { ...event, client: unix.client } as Event
      ),
      { type: "udp-destination", session, destination: { ...destination, remote: unix.remote } },
    ]),
  ];
  for (const line of all) {
    for (const [field, value] of Object.entries(line)) {
      assert.equal(typeof value, fields.get(field)?.type, field);
      const event = shorts[String(line.message)]!;
      seen.set(field, (seen.get(field) ?? new Set()).add(event));
    }
  }
  const everywhere = Object.values(shorts).sort();
  assert.deepEqual(
    Object.fromEntries(Array.from(seen, ([field, events]) => [field, [...events].sort()])),
    Object.fromEntries(
      Array.from(fields, ([field, { events }]) => [field, events[0] === "all" ? everywhere : [...events].sort()]),
    ),
  );
  assert.ok(
    readFileSync(join(projectRoot, "docs/reference/audit-log.md"), "utf8").includes(`version ${AUDIT_VERSION}`),
  );
});

test("numbers are JSON numbers, times are in seconds, addresses and ports are separate fields", () => {
  const [open, request, udp, end, away] = lines().map(({ "@timestamp": at, ...rest }) => {
    assert.equal(new Date(String(at)).toISOString(), at);
    return rest;
  });
  const common = { level: "INFO", logger: "gate46", audit: 1, run: "run" };
  const client = { client_host: "198.51.100.10", client_port: 50_000 };
  const asked = {
    protocol: "socks5",
    method: "username/password",
    protection: "integrity",
    user: "ann",
    socks4_user: "ann4",
    command: "connect",
    destination_host: "example.org",
    destination_port: 443,
  };
  assert.deepEqual(open, { message: "session-open", ...common, id: 7, ...client });
  assert.deepEqual(request, { message: "session-request", ...common, id: 7, ...client, ...asked });
  assert.deepEqual(end, {
    message: "session-end",
    ...common,
    id: 7,
    ...client,
    ...asked,
    via: "socks5://192.0.2.9:1080",
    remote_host: "2001:db8::1",
    remote_port: 443,
    outgoing_host: "2001:db8::9",
    relay: "B",
    reply: 0,
    reply_text: "00 succeeded",
    bytes_up: 1,
    bytes_down: 2,
    datagrams_up: 3,
    datagrams_down: 4,
    dropped: { refused: 5, lost: 6 },
    dial_seconds: 0.012,
    duration_seconds: 2.5,
    end: "end",
    detail: "why",
  });
  assert.deepEqual(udp, {
    message: "udp-destination",
    ...common,
    id: 7,
    ...client,
    user: "ann",
    destinations: 1,
    destination_host: "echo.example",
    destination_port: 7,
    via: "socks5://192.0.2.9:1080",
    remote_host: "192.0.2.7",
    remote_port: 7,
    bytes_up: 10,
    bytes_down: 20,
    datagrams_up: 1,
    datagrams_down: 2,
    dropped: { refused: 1 },
    refused_by: "rules[0]",
    duration_seconds: 1.5,
  });
  assert.deepEqual(away, { message: "client-turned-away", ...common, ...client, reason: "client-not-allowed" });
});

test("--log-clients shortens or removes the client address, and client input cannot end a line", () => {
  for (const line of lines("prefix")) {
    assert.deepEqual([line.client_host, line.client_port, line.client_prefix], [
      undefined,
      undefined,
      "198.51.100.0/24",
    ]);
  }
  for (const line of lines("none")) assert.doesNotMatch(JSON.stringify(line), /198\.51/);
  const username = 'a"b\n{}\u2028\u202e\x1b[2J';
  const [line] = lines("full", [{ type: "session-closed", session: { ...session, username } }]);
  assert.equal(line!.user, username);
  const text = auditLines("run", clientNaming("full"))({ type: "session-closed", session: { ...session, username } })!;
  assert.doesNotMatch(text.trimEnd(), /[\p{C}\p{Zl}\p{Zp}]/u);
});

test("other events make no audit line, and all threads of a program share one run id", () => {
  assert.equal(auditLines("run", clientNaming("full"))({ type: "drained", cut: 0 }), undefined);
  assert.match(programRun(), /^[0-9a-f]{16}$/);
  if (process.platform === "linux") assert.equal(programRun(), programRun());
});
