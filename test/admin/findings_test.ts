import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Findable, findings } from "../../src/admin/findings.ts";
import { History } from "../../src/admin/history/history.ts";
import { placeOf, type Series, series } from "../../src/admin/history/series.ts";
import { memoryRoom } from "../../src/cli/serve/room.ts";
import { quiet, ready } from "../support/memory/admin_source.ts";

function past(amounts: Partial<Record<Series, number>> = {}) {
  let now = 1_800_000_000_000;
  const history = new History(() => now);
  const counts = new Float64Array(series.length);
  for (const [name, amount] of Object.entries(amounts)) counts[placeOf[name as Series]] = amount;
  history.note(counts, 1_000, 0);
  now += 10_000;
  return history.past("minute");
}

const well: Findable = {
  parts: ready.parts,
  upstreams: [],
  certificates: [],
  room: quiet.room,
  sessionCount: 3,
  maxSessions: 10_000,
  lostLogLines: 0,
  reloadProblems: [],
  deaths: 0,
  past: past(),
};

const found = (changes: Partial<Findable>) =>
  findings({ ...well, ...changes }).map(({ what, detail, grave }) => `${grave ? "!" : "-"} ${what}: ${detail}`);

describe("The findings", () => {
  test("are empty when all parts are well, or few clients fail", () => {
    assert.deepEqual(found({}), []);
    assert.deepEqual(found({ past: past({ clients: 100, unreachable: 49 }) }), []);
    assert.deepEqual(found({ past: past({ clients: 19, password: 19 }) }), []);
  });

  test("list each unhealthy part and upstream, with its start time", () => {
    const parts = {
      ...ready.parts,
      resolver: { ok: false, detail: "no answer to 4 questions", since: "2026-01-02T03:04:05.000Z" },
      ipv6Egress: { ok: false, detail: "no address" },
    };
    assert.deepEqual(found({ parts }), ["! DNS: no answer to 4 questions", "- No way to IPv6: no address"]);
    assert.equal(findings({ ...well, parts })[0]!.since, "2026-01-02T03:04:05.000Z");
    const upstream = { upstream: "abroad", chain: "socks5://192.0.2.1:1080", up: false, detail: "refused" };
    assert.deepEqual(found({ upstreams: [upstream, { ...upstream, up: true }] }), [
      "! Upstream abroad is down: refused",
    ]);
  });

  test("list a certificate that expires soon", () => {
    const until = "2026-02-03T03:04:05.000Z";
    assert.deepEqual(
      found({ certificates: [{ option: "tls-cert", until, good: false }, { option: "via-ca", until, good: true }] }),
      ["! Certificate of --tls-cert: it holds until 2026-02-03"],
    );
  });

  test("list descriptors, memory or sessions near their limit", () => {
    const room = { openDescriptors: 922, maxDescriptors: 1_024, usedMemory: 231e6, memory: 256e6 };
    assert.deepEqual(found({ room, sessionCount: 9_500 }), [
      "! Descriptors nearly used up: 922 of 1024",
      "! Memory nearly used up: 231 MB of 256 MB",
      "! Sessions nearly used up: 9500 of 10000",
    ]);
    const unknown = { openDescriptors: undefined, maxDescriptors: 1, usedMemory: 1, memory: undefined };
    assert.deepEqual(found({ room: unknown }), []);
  });

  test("list clients that are turned away, and a failure rate of half or more", () => {
    assert.deepEqual(found({ past: past({ clients: 40, "turned-away": 1, password: 20 }) }), [
      "! Clients turned away: 1 of 40 in the last minute",
      "! Most clients fail: without the right password: 20 of 40, last minute",
    ]);
  });

  test("list program faults after the grave findings", () => {
    const listeners = { ok: false, detail: "none" };
    assert.deepEqual(
      found({ lostLogLines: 7, reloadProblems: ["a", "b"], deaths: 2, parts: { ...ready.parts, listeners } }),
      [
        "! Listeners: none",
        "- Workers died: 2 in the last hour; replaced",
        "- Last reload refused: a; b",
        "- Log lines lost: 7",
      ],
    );
  });
});

test("take memory from the control group if it has a limit, otherwise from the machine", () => {
  const meminfo = "MemTotal:  4000 kB\nMemFree: 1 kB\nMemAvailable:   1000 kB\n";
  const files: Record<string, string> = {
    "/proc/self/cgroup": "0::/system.slice/gate46.service\n",
    "/sys/fs/cgroup/system.slice/gate46.service/memory.max": "268435456\n",
    "/sys/fs/cgroup/system.slice/gate46.service/memory.current": "100000000\n",
    "/sys/fs/cgroup/system.slice/gate46.service/memory.stat": "anon 5\ninactive_file 40000000\n",
    "/proc/meminfo": meminfo,
  };
  const of = (changes: Record<string, string>) => memoryRoom((path) => ({ ...files, ...changes })[path] ?? "");
  assert.deepEqual(of({}), { usedMemory: 60_000_000, memory: 268_435_456 });
  const machine = { usedMemory: 3_000 * 1_024, memory: 4_000 * 1_024 };
  assert.deepEqual(of({ "/sys/fs/cgroup/system.slice/gate46.service/memory.max": "max\n" }), machine);
  assert.deepEqual(of({ "/proc/self/cgroup": "" }), machine);
  assert.deepEqual(of({ "/proc/self/cgroup": "", "/proc/meminfo": "" }), { usedMemory: undefined, memory: undefined });
});
