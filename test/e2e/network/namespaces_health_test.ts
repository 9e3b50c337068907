import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Health } from "../../../src/admin/readiness.ts";
import type { Finding } from "../../../src/cli/doctor/findings/finding.ts";
import { whyNot } from "../../support/network/namespaces.ts";
import { type Program, programs, shell, source, start } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("namespaces_health_test.ts", whyNot());
const name = `g46-${process.pid}-health`;
const inside = ["ip", "netns", "exec", name];
/** Where DNS servers would be: nobody is there. */
const DEAD_DNS = "10.46.7.9";

/** Knows what a DNS64 knows of ipv4only.arpa, and no other name. */
const dns64 = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 53))
print("answers", flush=True)
while True:
    query, peer = s.recvfrom(2000)
    end = 12
    while query[end]: end += query[end] + 1
    kind = query[end + 2]
    data = {1: bytes([192, 0, 0, 170]), 28: socket.inet_pton(socket.AF_INET6, "64:ff9b::c000:aa")}.get(kind)
    if b"ipv4only" not in query: data = None
    record = b"\\xc0\\x0c\\x00" + bytes([kind]) + b"\\x00\\x01\\x00\\x00\\x00\\x3c\\x00" + bytes([len(data)]) + data if data else b""
    head = query[:2] + (b"\\x81\\x80" if data else b"\\x81\\x83") + b"\\x00\\x01\\x00" + (b"\\x01" if data else b"\\x00") + bytes(4)
    s.sendto(head + query[12:end + 5] + record, peer)
`;

async function answering(): Promise<ChildProcess> {
  const child = spawn(inside[0]!, [...inside.slice(1), "python3", "-c", dns64], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  return child;
}

function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", ["-n", name, ...args], { encoding: "utf8" });
  assert.equal(status, 0, `ip ${args.join(" ")}: ${stderr}`);
}

/** What the host there has from now on, beside loopback. */
function has(family: "IPv4" | "IPv6", route: boolean): void {
  ip(
    "addr",
    "add",
    family === "IPv4" ? "10.46.7.1/24" : "fd46:7::1/64",
    "dev",
    "eth0",
    ...family === "IPv6" ? ["nodad"] : [],
  );
  if (route) {
    ip(
      ...family === "IPv6" ? ["-6"] : [],
      "route",
      "add",
      "default",
      "via",
      family === "IPv4" ? "10.46.7.254" : "fd46:7::fe",
    );
  }
}

function hasNothing(): void {
  ip("addr", "flush", "dev", "eth0", "scope", "global");
  for (const family of ["-4", "-6"]) spawnSync("ip", ["-n", name, family, "route", "flush", "default"]);
}

const hosts: readonly (readonly [name: string, has: () => void, ready: boolean, ipv4: RegExp, ipv6: RegExp])[] = [
  ["IPv4 only", () => has("IPv4", true), true, /^from 10\.46\.7\.1$/, /^no address$/],
  ["IPv6 only", () => has("IPv6", true), true, /^no address$/, /^from fd46:7::1$/],
  [
    "no default route",
    () => has("IPv4", false),
    true,
    /^no route beyond the networks of 10\.46\.7\.1$/,
    /^no address$/,
  ],
  ["no address", () => {}, false, /^no address$/, /^no address$/],
];

describe("A host in a network namespace", { skip }, () => {
  before(() => {
    assert.equal(spawnSync("ip", ["netns", "add", name]).status, 0);
    ip("link", "set", "lo", "up");
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
    for (const device of ["eth0", "eth1"]) ip("link", "set", device, "up");
    mkdirSync(`/etc/netns/${name}`, { recursive: true });
    writeFileSync(`/etc/netns/${name}/resolv.conf`, "");
  });
  after(() => {
    spawnSync("ip", ["netns", "del", name]);
    rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
  });

  for (const target of programs) {
    describe(target.name, () => {
      const readyz = async (program: Program) => {
        const { stdout } = await shell([...inside, "curl", "-s", `http://127.0.0.1:${program.admin!.port}/readyz`]);
        return JSON.parse(stdout) as Health;
      };
      const flags = ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"];

      for (const [which, has, ready, ipv4, ipv6] of hosts) {
        test(`with ${which} is ${ready ? "" : "not "}ready, and /readyz reports the egress of each family`, async () => {
          hasNothing();
          has();
          const program = await start(target, flags, inside);
          await until("it has looked", async () => (await readyz(program)).parts.ipv4Egress.detail !== "not known yet");
          const health = await readyz(program);
          assert.equal(health.ready, ready, JSON.stringify(health));
          assert.match(health.parts.ipv4Egress.detail!, ipv4);
          assert.match(health.parts.ipv6Egress.detail!, ipv6);
          await program.stop();
        });
      }

      test(
        "becomes unready when its DNS servers are silent, and ready again when they answer",
        { skip: target !== source }, // and the executable is no other in this
        async () => {
          hasNothing();
          has("IPv4", true);
          const silent = [DEAD_DNS, "10.46.7.8", "10.46.7.7"].map((server) => `--dns=${server}`);
          const program = await start(target, [...flags, ...silent], [...inside, "env", "GATE46_TEST_HASTE=5"]);
          await until("it has no resolver", async () => (await readyz(program)).state === "no resolver");
          const { ready, parts } = await readyz(program);
          assert.equal(ready, false);
          assert.match(parts.resolver.detail!, /^no answer to \d+ questions$/);
          assert.ok(Date.parse(parts.resolver.since!) > 0);
          const at = `--admin=127.0.0.1:${program.admin!.port}`;
          const { code, stdout } = await shell([...inside, ...target.command, "healthcheck", at]);
          assert.equal(code, 1);
          assert.match(stdout, /^no resolver, 0 sessions\n[^]*^resolver: no answer to \d+ questions, since \S+Z$/m);
          ip("addr", "add", `${DEAD_DNS}/32`, "dev", "lo");
          const server = await answering();
          await until("it is ready again", async () => (await readyz(program)).ready);
          server.kill("SIGKILL");
          ip("addr", "del", `${DEAD_DNS}/32`, "dev", "lo");
          await program.stop();
        },
      );

      test("with IPv6 and a NAT64: doctor reports both, and the option to set", async () => {
        hasNothing();
        has("IPv6", true);
        const server = await answering();
        const { code, stdout } = await shell([
          ...inside,
          ...target.command,
          "doctor",
          "--dns=[::1]",
          "--listen=127.0.0.1:0",
        ]);
        server.kill("SIGKILL");
        assert.match(stdout, /^ok +IPv6 +leaves from fd46:7::1$/m);
        assert.match(stdout, /^(ok|note) +DNS +\[::1\]:53 answers,? (but )?in \d+ ms$/m); // as fast as this machine is
        assert.match(stdout, /^note +NAT64 +the network has one at 64:ff9b::\/96.*\n +change: --nat64 auto$/m);
        assert.equal(code, 0, stdout);
      });

      test("with IPv4 and dead DNS servers: doctor reports a problem, and exits with 1", async () => {
        hasNothing();
        has("IPv4", true);
        const { code, stdout } = await shell([...inside, ...target.command, "doctor", "--json", `--dns=${DEAD_DNS}`]);
        assert.equal(code, 1);
        const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: readonly Finding[] };
        assert.equal(ok, false);
        const says = findings.map(({ level, about, says }) => `${level} ${about}: ${says}`);
        assert.ok(says.includes("ok IPv4: leaves from 10.46.7.1"), stdout);
        assert.ok(says.includes("note IPv6: no address: IPv6 destinations cannot be reached, but by --nat64 or --via"));
        assert.ok(says.includes("problem DNS: no --dns server answers: names cannot be resolved"), stdout);
      });
    });
  }
});
