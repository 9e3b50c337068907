import assert from "node:assert/strict";
import { test } from "node:test";
import { program } from "../../src/cli/program.ts";
import { hasteOf } from "../../src/cli/service/wall_clock.ts";
import { command } from "../support/program/command.ts";

const wrong: readonly (readonly [string[], string])[] = [
  [["config", "--lisen", ":1"], "unknown option '--lisen' (Did you mean --listen?)"],
  [["servee"], "Cannot do 'servee': no such command (did you mean serve?)"],
  [["192.0.2.1"], "Cannot do '192.0.2.1': no such command"],
  [["help", "expln"], "Cannot help with 'expln': no such command (did you mean explain?)"],
  [["help", "nothing"], "Cannot help with 'nothing': no such command"],
  [
    ["top", "--sort=x"],
    "option '--sort <BY>' argument 'x' is invalid. Allowed choices are rate, bytes, age, client, user, destination.",
  ],
  [["config", "now"], "too many arguments for 'config'. Expected 0 arguments but got 1: now."],
  [
    ["config", "--listen", "nowhere:1"],
    "Cannot parse --listen: 'nowhere:1' is not an address (write 127.0.0.1:1080, [::1]:1080 or :1080)",
  ],
  [["config", "--listen", ":99999"], "Cannot parse --listen: ':99999' has a port above 65535"],
  [
    ["config", "--listen", ":1080"],
    "Cannot listen on [::]:1080: it would be an open relay; add --user, --users-file or --from, or give --open",
  ],
  [
    ["config", "--from", "10.0.0.0/8", "--from", "fe80::/200"],
    "Cannot parse --from[1]: 'fe80::/200' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
  ],
  [
    ["config", "--from", "192.168.0.1/16"],
    "Cannot parse --from: '192.168.0.1/16' is not a prefix: it has bits behind its length (did you mean 192.168.0.0/16?)",
  ],
  [["config", "--open=yes"], "Cannot parse --open: it takes no value"],
  [["doctor", "--json=1"], "Cannot parse --json: it takes no value"],
  [["config", "--opn=secret"], "unknown option '--opn'"],
  [
    ["explain", "connect", "fd00::2:443", "--client=192.0.2.1"],
    "Cannot explain: 'fd00::2:443' is not a destination (write example.org:443 or [2001:db8::1]:443)",
  ],
  [["explain", "bind"], "Cannot explain: the destination is missing (write gate46 explain example.org:443)"],
  [["--watch"], "Cannot use --watch: there is no file to watch (--config, --users-file, --tls-cert)"],
  [["sessions", "end", "client", "zzz"], "Cannot end sessions of client 'zzz': it is not an IP address"],
  [["explain"], "Cannot explain: the destination is missing (write gate46 explain example.org:443)"],
  [
    ["explain", "192.0.2.1:99999"],
    "Cannot explain: '192.0.2.1:99999' is not a destination: the port is above 65535 " +
    "(write example.org:443 or [2001:db8::1]:443)",
  ],
  [
    ["explain", "watch", "example.org:443"],
    "Cannot explain 'watch': not one of connect, bind, udp-associate, resolve, resolve-ptr, forward, sni, host",
  ],
  [["config", "--user", "nocolon"], "Cannot parse --user: not NAME:PASSWORD"],
  [
    ["config", "--idle-timeout", "soon"],
    "Cannot parse --idle-timeout: 'soon' is not a time (write 10s, 500ms, 5m or 1h)",
  ],
  [["config", "--log-level", "loud"], "Cannot parse --log-level: 'loud' is not one of debug, info, warning, error"],
  [["config", "--ports", "9-1"], "Cannot parse --ports: '9-1' is not a range (write 40000-40999)"],
];

test("--version and --help answer and exit 0", async () => {
  assert.match((await command(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  const { code, stdout } = await command(["--help"]);
  assert.equal(code, 0);
  for (const flag of ["--listen", "--users-file", "--from", "--open", "--allow", "hash-password"]) {
    assert.ok(stdout.includes(flag), flag);
  }
});

test("help COMMAND prints the same as COMMAND --help, and version prints the runtime", async () => {
  for (const name of ["explain", "users", "top"]) {
    assert.equal((await command(["help", name])).stdout, (await command([name, "--help"])).stdout);
  }
  const all = (await command(["--help"])).stdout;
  for (const args of [["help"], ["help", "serve"]]) assert.equal((await command(args)).stdout, all);
  assert.match((await command(["version"])).stdout, /^gate46 \d+\.\d+\.\d+, on (bun|deno) \d+\.\d+\.\d+\n$/);
});

test("explain with only a destination assumes CONNECT from this host", async () => {
  const simple = await command(["explain", "192.0.2.1:443"]);
  assert.deepEqual([simple.code, simple.stderr], [0, ""]);
  assert.match(simple.stdout, /^connect 192\.0\.2\.1:443 from 127\.0\.0\.1\n +1\. 192\.0\.2\.1:443 +allow: /);
  assert.deepEqual(await command(["explain", "connect", "192.0.2.1:443", "--client=127.0.0.1"]), simple);
  assert.equal((await command(["explain", "https://192.0.2.1/path"])).stdout, simple.stdout);
});

test("each wrong flag prints one line and exits with 2", async () => {
  for (const [args, message] of wrong) {
    assert.deepEqual(await command(args), { code: 2, stdout: "", stderr: `gate46: ${message}\n` });
  }
});

test("GATE46_TEST_HASTE only shortens times, and is the only such variable", async () => {
  assert.deepEqual([undefined, "", "1", "100"].map((text) => hasteOf({ GATE46_TEST_HASTE: text })), [1, 1, 1, 100]);
  for (const text of ["0", "0.5", "-1", "101", "quick"]) {
    assert.throws(() => hasteOf({ GATE46_TEST_HASTE: text }), {
      name: "ConfigError",
      message: `Cannot use GATE46_TEST_HASTE: '${text}' is not a number from 1 to 100`,
    });
  }
  assert.equal((await command(["config"], { GATE46_TEST_HASTE: "5" })).code, 0);
  const { code, stderr } = await command(["config"], { GATE46_TEST_HASTY: "5" });
  assert.equal(code, 2);
  assert.match(stderr, /^gate46: Cannot use GATE46_TEST_HASTY: no such setting/);
});

test("each command has its listed flags, also if only the flags of that command are built", () => {
  const make = (words?: readonly string[]) => program(new URL("file:///"), () => {}, words);
  const flags = (command: ReturnType<typeof make>) => command.options.map(({ flags }) => flags);
  const all = make();
  for (const words of [[], ["serve"], ["--listen", ":1080"]]) assert.deepEqual(flags(make(words)), flags(all));
  for (const { name } of all.commands.map((command) => ({ name: command.name() }))) {
    const of = (root: ReturnType<typeof make>) => root.commands.find((command) => command.name() === name)!;
    for (const words of [[name], ["--config", "file", name]]) {
      assert.deepEqual(flags(of(make(words))), flags(of(all)), name);
    }
  }
  assert.ok(flags(make(["check"])).length < 5, "and no others");
});
