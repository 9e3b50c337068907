import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, describe, test } from "node:test";
import { address, buildNetwork, type Host, whyNot } from "../../support/network/namespaces.ts";
import {
  portable,
  type Program,
  programs,
  run,
  shell,
  source,
  start,
  type Target,
} from "../../support/program/program.ts";
import { asNobodyInParticular } from "../../support/network/own_network.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";
import { asks, whoCame } from "../../support/python/router_hosts.ts";

const skip = skipped("a router between hosts", whyNot());
const network = skip ? undefined : buildNetwork();
const children: ReturnType<typeof spawn>[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  network?.remove();
});

const lan = ["--from=10.46.1.0/24", "--from=fd46:2::/64"];
const opened = ["--allow=10.46.0.0/16", "--allow=fd46::/16"];

/** Runs in a host; what it wrote. */
function within(host: Host, ...command: string[]): string {
  const [file, ...args] = [...network!.in(host), ...command] as [string, ...string[]];
  const { stdout, stderr, status } = spawnSync(file, args, { encoding: "utf8" });
  assert.equal(status, 0, `${command.join(" ")}: ${stderr}`);
  return stdout;
}

/** What the router has been told of where packets go; the kernel's own routes change by themselves. */
function rulesOf(host: Host): string {
  const tables = ["local", "4646"].flatMap((
    table,
  ) => [`ip route show table ${table}`, `ip -6 route show table ${table}`]);
  return ["nft list ruleset", "ip rule", "ip -6 rule", ...tables].map((command) => {
    const { stdout } = spawnSync("ip", ["netns", "exec", network!.name(host), ...command.split(" ")], {
      encoding: "utf8",
    });
    return command.includes("route") ? stdout.replace(/^(?!.*proto 146).*\n/gm, "") : stdout;
  }).join("\n");
}

/** What the client says of each name: without the fake addresses, and these. */
async function asked(host: Host, names: readonly string[], literals: readonly string[]) {
  const { stdout, stderr } = await shell([...network!.in(host), "python3", "-c", asks(host === "c6", names, literals)]);
  const lines = stdout.trim().split("\n").map((line) => line.split("|"));
  return { said: lines.map(([name, , ...rest]) => [name, ...rest]), addresses: lines.map((line) => line[1]), stderr };
}

const saidBy = (name: string, host: string) => [name, `tcp of ${host}`, `udp of ${host}, 1`, `udp of ${host}, 4000`];

const running: Program[] = [];

/** Starts a gateway on the router. */
async function begin(target: Target, flags: readonly string[], prefix: readonly string[]): Promise<Program> {
  const gateway = await start(target, flags, prefix);
  running.push(gateway);
  return gateway;
}

let prepared = false;

/** Hosts that ask the router for names and for ways, and servers. */
async function prepare(): Promise<void> {
  if (prepared) return;
  prepared = true;
  for (const host of ["c4", "c6"] as const) {
    const gw = host === "c4" ? address.gwC4 : address.gwC6;
    within(host, "ip", "route", "add", "default", "via", gw);
    const folder = `/etc/netns/${network!.name(host)}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "resolv.conf"), `nameserver ${gw}\noptions timeout:30 attempts:4\n`);
    writeFileSync(join(folder, "hosts"), "127.0.0.1 localhost\n");
  }
  for (const host of ["s4", "s6"] as const) {
    const [command, ...args] = network!.in(host) as [string, ...string[]];
    children.push(spawn(command, [...args, "python3", "-c", whoCame(address[host])], { stdio: "ignore" }));
    await until(`${host}'s server`, () => {
      return within(host, "ss", "-lntuH", "sport", "=", ":46").trim().split("\n").length === 2;
    });
  }
}

describe("a transparent router for hosts without client software", { skip }, () => {
  afterEach(() => {
    for (const gateway of running.splice(0)) gateway.signal("SIGKILL"); // of a test that has failed, as what follows
    for (const family of ["ip", "ip6"]) {
      const [command, ...args] = [...network!.in("gw"), "nft", "delete", "table", family, "gate46-router"];
      spawnSync(command!, args);
    }
    for (const version of ["-4", "-6"]) {
      const fake = version === "-4" ? "198.18.0.0/15" : "fd46:198:18::/64";
      for (const what of ["rule del pref 4646", "route flush table 4646", `route del local ${fake} dev lo`]) {
        const [command, ...args] = [...network!.in("gw"), "ip", version, ...what.split(" ")];
        spawnSync(command!, args);
      }
    }
  });

  test("relays types A to D by TCP and UDP, by name and by address, also after a restart", async () => {
    await prepare();
    const before = rulesOf("gw");
    for (const target of programs) {
      const folder = temporaryFolder("router");
      const flags = [
        "--listen=transparent://:1081",
        "--fake-dns=:53",
        `--fake-journal=${join(folder, "names")}`,
        "--install-rules",
        "--admin=off",
        "--log-format=json",
        ...lan,
        ...opened,
      ];
      const names = ["v4.test", "v6.test"];
      const four = [...names.map((name, i) => saidBy(name, address[i === 0 ? "s4" : "s6"]))];
      let gateway: Program = await begin(target, [...flags, "--workers=2"], network!.in("gw"));
      const begun = rulesOf("gw");
      const c4 = await asked("c4", names, [address.s4]), c6 = await asked("c6", names, [address.s6]);
      assert.deepEqual(c4.said, [...four, saidBy(address.s4, address.s4).slice(0, 3)], `${target.name}: ${c4.stderr}`);
      assert.deepEqual(c6.said, [...four, saidBy(address.s6, address.s6).slice(0, 3)], `${target.name}: ${c6.stderr}`);
      assert.match(c4.addresses[1]!, /^198\.1[89]\./);
      assert.match(c6.addresses[0]!, /^fd46:198:18::/);
      assert.match(gateway.output(), /10\.46\.1\.2.*v6\.test/, "the log has the client and the name");

      gateway.signal("SIGKILL");
      await gateway.exited;
      assert.equal(rulesOf("gw"), begun, "who is killed leaves its rules");
      gateway = await begin(target, [...flags, "--workers=2"], network!.in("gw"));
      assert.equal(rulesOf("gw"), begun, "the next has the same, and each once");
      const again = await asked("c4", [...names].reverse(), []);
      assert.deepEqual(again.said, [...four].reverse(), `${target.name}: ${again.stderr}`);
      assert.deepEqual(again.addresses, [c4.addresses[1], c4.addresses[0]], "names keep their addresses");
      assert.equal(await gateway.stop(), 0, gateway.output());
      assert.equal(rulesOf("gw"), before, "nothing is left");
      assert.match(readFileSync(join(folder, "names"), "utf8"), /^\d+ v6\.test$/m);
    }
  });

  test("relays without --install-rules, by routes to the listening ports and by REDIRECT", async () => {
    await prepare();
    const nft = (rule: string) => within("gw", "nft", rule);
    within("gw", "ip", "route", "add", "local", "198.18.0.0/15", "dev", "lo");
    within("gw", "ip", "-6", "route", "add", "local", "fd46:198:18::/64", "dev", "lo");
    nft("add table inet test");
    nft("add chain inet test in { type nat hook prerouting priority dstnat; }");
    for (const which of [`ip daddr ${address.s4}`, `ip6 daddr ${address.s6}`]) {
      nft(`add rule inet test in ${which} tcp dport 46 redirect to :1081`);
    }
    const gateway = await begin(
      source,
      [
        "--listen=transparent://:46",
        "--listen=transparent://:1081",
        "--fake-dns=:53",
        "--host=loop.test=198.18.0.9,fd46:198:18::9",
        "--admin=off",
        ...lan,
        ...opened,
      ],
      network!.in("gw"),
    );
    const client = `
import socket
for family in (socket.AF_INET, socket.AF_INET6):
    try: socket.create_connection(("${address.s4}" if family == socket.AF_INET else "${address.s6}", 46), 30)
    except OSError as e: print(e); continue
    print("redirected")
`;
    for (const [host, six] of [["c4", false], ["c6", true]] as const) {
      const { said, addresses, stderr } = await asked(host, ["v4.test", "v6.test"], []);
      assert.deepEqual(said, [saidBy("v4.test", address.s4), saidBy("v6.test", address.s6)], stderr);
      assert.match(addresses[0]!, six ? /^fd46:198:18::/ : /^198\.18\./);
      assert.match(
        within(host, "python3", "-c", client),
        six ? /unreachable\nredirected/ : /redirected\n.*unreachable/,
      );
    }
    const refused = `
import socket
for host, port in (("loop.test", 46), ("${address.gwC4}", 1081)):
    s = socket.socket(); s.settimeout(30)
    try: s.connect((host, port)); print(s.recv(9))
    except ConnectionResetError: print("reset")
`;
    assert.equal(within("c4", "python3", "-c", refused), "reset\nreset\n");
    assert.equal(await gateway.stop(), 0, gateway.output());
    assert.match(gateway.output(), /loop\.test.*fake addresses/, "what leads to a fake address would come back here");
    assert.match(gateway.output(), /own listener 10\.46\.1\.1:1081/);
    assert.match(gateway.output(), new RegExp(`10\\.46\\.1\\.2.*${address.s4.replaceAll(".", "\\.")}`));
  });

  test("keeps the rules, the names and their addresses over a reload and an upgrade", async () => {
    await prepare();
    const before = rulesOf("gw"), folder = temporaryFolder("router"), file = join(folder, "gate46.toml");
    const say = (...fakeDns: readonly string[]) =>
      writeFileSync(
        file,
        `listen = ["transparent://:1081"]\nfake_dns = ${
          JSON.stringify(fakeDns)
        }\nfrom = ["10.46.1.0/24", "fd46:2::/64"]\n` +
          'allow = ["10.46.0.0/16", "fd46::/16"]\nadmin = "off"\ninstall_rules = true\nfake_journal = "names"\n',
      );
    say(address.gwC6);
    const flags = ["--config", file, "--admin=off"];
    const first = await begin(source, flags, network!.in("gw"));
    say(address.gwC6, address.gwC4);
    first.signal("SIGHUP");
    await until("the reload", () => first.output().includes(`fake DNS on ${address.gwC4}:53`));
    const begun = rulesOf("gw");
    const one = await asked("c4", ["v6.test"], []);
    assert.deepEqual(one.said, [saidBy("v6.test", address.s6)], one.stderr);
    const next = await begin(source, [...flags, `--take-over=${first.child.pid}`], network!.in("gw"));
    assert.equal(await first.exited, 0, first.output());
    for (const host of [address.gwC4, address.gwC6]) {
      await until("the next serves DNS", () => new RegExp(`fake DNS on \\[?${host}\\]?:53`).test(next.output()));
    }
    assert.equal(rulesOf("gw"), begun);
    const other = await asked("c4", ["v4.test", "v6.test"], []);
    assert.deepEqual(other.said, [saidBy("v4.test", address.s4), saidBy("v6.test", address.s6)], other.stderr);
    assert.deepEqual(other.addresses[1], one.addresses[0]);
    assert.equal(await next.stop(), 0, next.output());
    assert.equal(rulesOf("gw"), before);
  });

  test("excludes traffic of its upstream gateways from the rules, which would loop", async () => {
    const before = rulesOf("gw");
    const via = ["--via=socks5://10.46.1.9:1080", "--via=socks5://up.test:1080", "--host=up.test=10.46.1.8,fd46:2::8"];
    const flags = ["--listen=transparent://:1081", "--install-rules", "--admin=off", ...lan, ...via];
    const gateway = await begin(source, flags, network!.in("gw"));
    const rules = rulesOf("gw");
    for (const who of ["ip saddr 10.46.1.9", "ip saddr 10.46.1.8", "ip6 saddr fd46:2::8"]) {
      assert.match(rules, new RegExp(`${who} accept[^]*tproxy to :1081`), "before anything is taken");
    }
    assert.doesNotMatch(rules, /198\.18/, "without --fake-dns there are no fake addresses");
    assert.equal(await gateway.stop(), 0, gateway.output());
    assert.equal(rulesOf("gw"), before);
  });

  test("reports an error without CAP_NET_ADMIN, and on the portable engine", async () => {
    const flags = ["--listen=transparent://:1081", "--admin=off", ...lan];
    const ended = await shell([
      ...network!.in("gw"),
      ...asNobodyInParticular,
      ...source.command,
      ...flags,
      "--install-rules",
    ]);
    assert.deepEqual([ended.code, rulesOf("gw").includes("gate46")], [1, false]);
    assert.match(ended.stderr, /Cannot use --install-rules: this user may not, it needs CAP_NET_ADMIN$/m);
    for (
      const [flag, state] of [
        ["--listen=transparent://127.0.0.1:5399", "listen on transparent://"],
        ["--fake-dns=127.0.0.1:5399", "use --fake-dns"],
      ] as const
    ) {
      const { code, stderr } = await run(portable, ["--admin=off", flag]);
      assert.deepEqual([code, stderr], [2, `gate46: Cannot ${state}: only the Linux engine can\n`]);
    }
  });
});
