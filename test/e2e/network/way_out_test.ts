import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineKey } from "../../../src/cli/service/machine_key.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { parseIp } from "../../../src/protocol/address.ts";
import { address, buildNetwork, type Host, whyNot } from "../../support/network/namespaces.ts";
import { portable, type Program, shell, source, start, targets } from "../../support/program/program.ts";
import { runtime } from "../../support/program/runtime.ts";
import { hasPython } from "../../support/python/python.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const script = join(import.meta.dirname!, "../../support/python/way_out.py");
const skip = skipped("way_out_test.ts", whyNot() || (!hasPython && "no python3"));
const network = skip ? undefined : buildNetwork();
after(() => network?.remove());
const folder = temporaryFolder("way-out");

const types = [
  ["A", "c4", address.gwC4, "s4"],
  ["B", "c4", address.gwC4, "s6"],
  ["C", "c6", address.gwC6, "s4"],
  ["D", "c6", address.gwC6, "s6"],
] as const;

const prefix = { s4: "10.46.5.0/28", s6: "fd46:5::/64" };
const single = (last: number) => ({ s4: `10.46.6.${last}`, s6: `fd46:6::${last}` });
const said = (last: number) => `["${single(last).s4}", "${single(last).s6}"]`;

const config = `
admin = "off"
listen = [":1080", ":1081?outgoing=${single(11).s4}&outgoing=${single(11).s6}"]
outgoing = ["${prefix.s4}", "${prefix.s6}"]
outgoing_per = "user"

${
  ["ann", "bob", "cid"].map((name) => `[[users]]\nname = "${name}"\npassword = "pw"\n`).join("\n").replace(
    'name = "bob"',
    `name = "bob"\noutgoing = ${said(12)}`,
  )
}

[[rules]]
action = "allow"
users = "cid"
outgoing = ${said(13)}
`;

function ip(host: Host, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", ["-n", network!.name(host), ...args], { encoding: "utf8" });
  assert.equal(status, 0, `ip ${args.join(" ")}: ${stderr}`);
}

/** The gateway's addresses, which the servers know to be behind it. */
if (network) {
  for (const last of [11, 12, 13]) {
    ip("gw", "addr", "add", single(last).s4, "dev", "lo");
    ip("gw", "addr", "add", single(last).s6, "dev", "lo", "nodad");
  }
  for (const net of [prefix.s4, "10.46.6.0/24"]) ip("s4", "route", "add", net, "via", address.gwS4);
  for (const net of [prefix.s6, "fd46:6::/64"]) ip("s6", "-6", "route", "add", net, "via", address.gwS6);
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Of the portable engine on Bun, for UDP. */
async function letBindAnywhere(lets: boolean): Promise<void> {
  const setting = `net.ipv6.ip_nonlocal_bind=${lets ? 1 : 0}`;
  assert.equal((await shell([...network!.in("gw"), "sysctl", "-qw", setting])).code, 0);
}

const inGateway = (...command: readonly string[]) => shell([...network!.in("gw"), ...command]);

test("a prefix without a local route is an error at start and in check; the error and doctor print the command", {
  skip,
}, async () => {
  const path = file("unrouted.toml", config);
  const command = "ip route add local 10.46.5.0/28 dev lo";
  for (const words of [["--config", path], ["check", path]]) {
    const { code, stderr } = await inGateway(...source.command, ...words);
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /Cannot connect from --outgoing 10\.46\.5\.0\/28: .*; ip route add local 10\.46\.5\.0\/28 dev lo/,
    );
  }
  const { stdout } = await inGateway(...source.command, "doctor", "--config", path);
  assert.ok(stdout.includes(command), stdout);
  ip("gw", "route", "add", "local", prefix.s4, "dev", "lo");
  const six = await inGateway(...source.command, "check", path);
  assert.match(six.stderr, /--outgoing fd46:5::\/64: .*; ip -6 route add local fd46:5::\/64 dev lo/);
  ip("gw", "-6", "route", "add", "local", prefix.s6, "dev", "lo");
  assert.equal((await inGateway(...source.command, "check", path)).code, 0);
});

test("an option that the kernel or the engine cannot fulfil is an error that names the rule", { skip }, async () => {
  const rule = (line: string) =>
    file("wrong.toml", `admin = "off"\n[[rules]]\nname = "x"\naction = "allow"\n${line}\n`);
  const gone = await inGateway(...source.command, "check", rule('interface = "wan7"'));
  assert.match(gone.stderr, /Cannot dial with interface wan7 of rules\[0\] 'x': no such interface \(ENODEV\)/);
  const alien = await inGateway(...source.command, "--config", rule('outgoing = "192.0.2.99"'));
  assert.equal(alien.code, 1);
  assert.match(alien.stderr, /Cannot connect from outgoing 192\.0\.2\.99 of a rule: .*EADDRNOTAVAIL/);
  const other = await inGateway(...portable.command, "--config", rule("mark = 46"));
  assert.equal(other.code, 2);
  assert.match(other.stderr, /Cannot use mark 46 of a rule: only the Linux engine can/);
});

for (const target of targets) {
  const own = target === portable;
  let gateway: Program | undefined;
  const path = file(`${target.name.replaceAll(/\W/g, "_")}.toml`, config);

  if (own && runtime === "deno") {
    test("an outgoing address on Deno's own sockets is an error", { skip }, async () => {
      const { code, stderr } = await inGateway(...target.command, "--config", path);
      assert.equal(code, 1);
      assert.match(stderr, /Deno cannot choose the address of a connection; use --engine linux, or Bun/);
    });
    continue;
  }

  for (const [type, client, listener, server] of types) {
    test(
      `${target.name}, type ${type}: servers see the outgoing address of the rule, user or listener, or one of the prefix`,
      {
        skip,
      },
      async () => {
        if (own) await letBindAnywhere(true);
        gateway ??= await start(target, [`--config=${path}`, "--admin=off"], network!.in("gw"));
        const ways = ["cid:1081", "bob:1081", "ann:1081", "ann:1080"];
        const hosts = [network!.name(client), listener, network!.name(server), address[server]];
        const { stdout, stderr, code } = await shell(["python3", script, ...hosts, ...ways]);
        assert.equal(code, 0, `${stderr}\n${gateway.output()}`);
        const [byRule, byUser, byListener, byPrefix] = JSON.parse(stdout) as string[][];
        const all = (last: number) => Array(3).fill(single(last)[server]);
        assert.deepEqual([byRule, byUser, byListener], [all(13), all(12), all(11)]);
        const [one] = byPrefix!;
        assert.deepEqual(byPrefix, Array(3).fill(one), "a user has one address");
        assert.ok(parsePrefix(prefix[server])!.contains(parseIp(one!)!), one);
        if (type !== "A") return;
        const { stdout: told } = await inGateway(
          ...target.command,
          ...["explain", "--config", path, "--client", address[client], "--user", "ann", "--listener", ":1080"],
          ...["connect", server === "s4" ? `${address.s4}:80` : `[${address.s6}]:80`],
        );
        const lasts = machineKey() !== undefined;
        assert.ok(told.includes(lasts ? `from ${one}` : `from one of ${prefix[server]}`), told);
      },
    );
  }

  test(
    `${target.name}: a reload with an unusable outgoing address is refused, and the former addresses stay`,
    { skip },
    async () => {
      writeFileSync(path, config.replace("10.46.6.13", "192.0.2.99"));
      gateway!.signal("SIGHUP");
      await until("it says so", () => gateway!.output().includes("192.0.2.99 of a rule"));
      const hosts = [network!.name("c4"), address.gwC4, network!.name("s4"), address.s4];
      const { stdout } = await shell(["python3", script, ...hosts, "cid:1080"]);
      assert.deepEqual(JSON.parse(stdout), [Array(3).fill(single(13).s4)]);
      assert.equal(await gateway!.stop(), 0);
      if (own) await letBindAnywhere(false);
    },
  );
}

test(
  "a rule's mark selects a routing table, and a rule's interface restricts its connections to that interface",
  { skip },
  async () => {
    ip("gw", "rule", "add", "fwmark", "46", "lookup", "46");
    ip("gw", "route", "add", "unreachable", "default", "table", "46");
    const path = file(
      "marked.toml",
      `
admin = "off"
listen = ":1080"
dial_timeout = "1s"
${["ann", "bob", "cid"].map((name) => `[[users]]\nname = "${name}"\npassword = "pw"\n`).join("\n")}
[[rules]]
action = "allow"
users = "bob"
mark = 46
[[rules]]
action = "allow"
users = "cid"
interface = "lo"
`,
    );
    const gateway = await start(source, [`--config=${path}`, "--admin=off"], network!.in("gw"));
    const hosts = [network!.name("c4"), address.gwC4, network!.name("s4"), address.s4];
    assert.equal((await shell(["python3", script, ...hosts, "ann:1080"])).code, 0);
    assert.match((await shell(["python3", script, ...hosts, "bob:1080"])).stderr, /reply 0[34]/);
    assert.notEqual((await shell(["python3", script, ...hosts, "cid:1080"])).code, 0);
    assert.equal(await gateway.stop(), 0);
  },
);
