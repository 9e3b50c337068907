import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { configSchema } from "../../scripts/config_schema.ts";
import { parseConfig, readConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { readFile } from "../../src/config/file/config_file.ts";
import { fileKey, type OptionKey, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { printConfig } from "../../src/config/config_print.ts";
import { Command } from "../../src/protocol/codes.ts";
import { projectRoot } from "../support/program/runtime.ts";

function read(toml: string) {
  const file = readFile(toml, "gate46.toml", (path) => `/etc/gate46/${path}`);
  return { file, ...readConfig({ file }) };
}

/** All that is wrong, in its order. */
function complaints(toml: string): readonly string[] {
  try {
    read(toml);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
}

const rule = (matcher: string) => `[[rules]]\naction = "allow"\n${matcher}`;

describe("A wrong file is told by path, line, value and what was expected", () => {
  const rows: readonly (readonly [string, ...problems: readonly string[]])[] = [
    ["listen =", "line 1: invalid value"],
    ["open = yes", "line 1: invalid value"],
    ["open = true\nopen = true", "line 2: trying to redefine an already defined table or value"],
    ["[rules", "line 1: incomplete key-value: cannot find end of key"],
    ["lisen = ':1080'", "line 1: lisen is not known (did you mean listen?)"],
    ["\n\nmax-sessions = 5", "line 3: max-sessions is not known (did you mean max_sessions?)"],
    ["[limits]\nmax_sessions = 5", "line 1: limits is not known"],
    ["qqqq = 1\nxyz = 2", "line 1: qqqq is not known", "line 2: xyz is not known"],
    ["config = 'x'", "line 1: config is not known"],
    ["user = 'ann:secret'", "line 1: user is not known (did you mean users?)"],
    ["listen = 1080", "line 1: listen: '1080' is no text"],
    ["listen = [':1', 2]", "line 1: listen[1]: '2' is no text"],
    [
      "listen = [\n  '[::1]:1', # this\n  'nowhere'\n]",
      "line 3: listen[1]: 'nowhere' is no address (write 127.0.0.1:1080, [::1]:1080 or :1080)",
    ],
    ["listen = []", "line 1: listen: is empty; leave it out"],
    ["listen = { a = 1 }", "line 1: listen: is no text"],
    ["from = 'fe80::/200'", "line 1: from: 'fe80::/200' is not a prefix"],
    [
      "from = ['10.0.0.1/8', '::/0', 'x']",
      "line 1: from[0]: '10.0.0.1/8' is not a prefix: it has bits behind its length (did you mean 10.0.0.0/8?)",
      "line 1: from[2]: 'x' is not a prefix",
    ],
    ["max_sessions = 'many'", "line 1: max_sessions: 'many' is no number"],
    ["max_sessions = 0", "line 1: max_sessions: '0' is no number above 0"],
    ["max_sessions = 1.5", "line 1: max_sessions: '1.5' is no number above 0"],
    ["open = 'true'", "line 1: open: 'true' is neither true nor false"],
    ["dial_timeout = 'soon'", "line 1: dial_timeout: 'soon' is no time (write 10s, 500ms, 5m or 1h)"],
    ["dial_timeout = true", "line 1: dial_timeout: 'true' is neither text nor a number"],
    ["dial_timeout = 2024-01-01", "line 1: dial_timeout: is neither text nor a number"],
    ["idle_timeout = 0", "line 1: idle_timeout: '0' is too short"],
    ["log_level = 'loud'", "line 1: log_level: 'loud' is not one of debug, info, warning, error"],
    ["ports = '9-1'", "line 1: ports: '9-1' is no range (write 40000-40999)"],
    ["announce = ['192.0.2.1', '192.0.2.2']", "line 1: announce[1]: a second address of its family"],
    ["admin = 'x'", "line 1: admin: 'x' is no address (write 127.0.0.1:1080, [::1]:1080 or :1080)"],
    ["users = 'ann'", "line 1: users: is no list of tables"],
    ["users = ['ann']", "line 1: users[0]: is no table"],
    ["[[users]]\nname = 'ann'", "line 1: users[0]: wants either password or password_file"],
    [rule("outgoing = ['192.0.2.1', '192.0.2.2']"), "line 3: rules[0].outgoing: has two of one family"],
    [rule("outgoing = 'x'"), "line 3: rules[0].outgoing: 'x' is no address"],
    [rule("outgoing_per = 'user'"), "line 3: rules[0].outgoing_per: 'user' is said of no outgoing"],
    [rule("mark = 0"), "line 3: rules[0].mark: '0' is no number above 0"],
    [
      "[[rules]]\naction = 'deny'\nmark = 1",
      "line 1: rules[0]: outgoing, outgoing_per, interface and mark go with allow only",
    ],
    ["[[users]]\npassword = 'hunter2'", "line 1: users[0].name is missing"],
    ["[[users]]\nname = ''\npassword = 'hunter2'", "line 2: users[0].name: the name is empty"],
    ["[[users]]\nname = 'ann'\npassword = 12345", "line 3: users[0].password: is no text"],
    [
      `[[users]]\nname = 'ann'\npassword = '${"hunter2".repeat(40)}'`,
      "line 3: users[0].password: the password is longer than 255 octets",
    ],
    [
      "users = [{ name = 'ann', password = 'a' },\n  { name = 'ann', password = 'b' }]",
      "line 2: users[1].name: 'ann' is named twice",
    ],
    [
      "[[users]]\nname = 'ann'\npasword = 'hunter2'\npassword = 'x'",
      "line 3: users[0].pasword is not known (did you mean password?)",
    ],
    ["[[access]]\nfrom = '10.0.0.0/8'", "line 1: access[0]: says nothing of who comes so"],
    [
      "[[access]]\nmax_rates = 5",
      "line 2: access[0].max_rates is not known (did you mean max_rate?)",
    ],
    ["[[access]]\nmax_rate = 0", "line 2: access[0].max_rate: '0' is no number above 0"],
    [rule("bandwidth = 'fast'"), "line 3: rules[0].bandwidth: 'fast' is no size (write 500k, 10M or 1G)"],
    [
      "[[rules]]\naction = 'deny'\nmax_sessions = 5",
      "line 1: rules[0]: bandwidth, max_sessions and max_rate go with allow only",
    ],
    ["[[access]]\nauth = 'no'", "line 2: access[0].auth: 'no' is not one of none, password"],
    [
      "[[access]]\nauth = 'none'\nlistner = ':1081'\nlistener = ['systemd', '127.0.0.1:0']",
      "line 3: access[0].listner is not known (did you mean listener?)",
      "line 4: access[0].listener[0]: 'systemd' is no address of a listener (write 127.0.0.1:1080, :1080 or unix:/run/x)",
      "line 4: access[0].listener[1]: '127.0.0.1:0' is no address of a listener (write 127.0.0.1:1080, :1080 or unix:/run/x)",
    ],
    ["[[rules]]", "line 1: rules[0].action is missing"],
    ["[[rules]]\naction = 'drop'", "line 2: rules[0].action: 'drop' is not one of allow, deny"],
    ["[rules]\naction = 'deny'", "line 1: rules: is no list of tables"],
    [
      `${rule("")}\n${rule("")}\n${rule("to = 'fe80::/200'")}`,
      "line 9: rules[2].to: 'fe80::/200' is not a prefix",
    ],
    [rule("to = [\n'10.0.0.0/8',\n'x']"), "line 5: rules[0].to[1]: 'x' is not a prefix"],
    [rule("too = '10.0.0.0/8'"), "line 3: rules[0].too is not known (did you mean to?)"],
    [rule("users = []"), "line 3: rules[0].users: is empty; leave it out"],
    [rule("users = [1]"), "line 3: rules[0].users[0]: '1' is no text"],
    [
      rule("commands = 'udp'"),
      "line 3: rules[0].commands: 'udp' is not one of connect, bind, udp-associate, resolve, resolve-ptr, forward",
    ],
    [rule("names = '192.0.2.1'"), "line 3: rules[0].names: '192.0.2.1' is an address; rules for addresses say 'to'"],
    [
      rule("names = ['*.a.org', 'a*.org']"),
      "line 3: rules[0].names[1]: 'a*.org' is no name (write example.org, *.example.org or .example.org)",
    ],
    [rule("ports = 65536"), "line 3: rules[0].ports: '65536' is no port (write 443 or 8000-8999)"],
    [
      rule("ports = ['9-1', true]"),
      "line 3: rules[0].ports[0]: '9-1' is no port (write 443 or 8000-8999)",
      "line 3: rules[0].ports[1]: 'true' is no port",
    ],
    [rule("relay = ['A', 'E']"), "line 3: rules[0].relay[1]: 'E' is not one of A, B, C, D"],
    [
      rule("family = 'ipv6'"),
      "line 3: rules[0].family: 'ipv6' is not one of prefer-ipv4, prefer-ipv6, only-ipv4, only-ipv6",
    ],
    ["[[rules]]\naction = 'deny'\nfamily = 'only-ipv6'", "line 1: rules[0]: family goes with allow only"],
    ["[[rules]]\naction = 'deny'\nvia = 'socks5://192.0.2.1'", "line 1: rules[0]: via goes with allow only"],
    [
      rule("via = 'ann:hunter2@192.0.2.1'"),
      "line 3: rules[0].via: 'ann:***@192.0.2.1' is no upstream (write socks5://192.0.2.1:1080)",
    ],
    [
      rule("via = 'socks5://ann:hunter2@192.0.2.1/x'"),
      "line 3: rules[0].via: 'socks5://ann:***@192.0.2.1/x' is no upstream (write socks5://192.0.2.1:1080)",
    ],
    [
      rule("via = 'farr'\n[[upstreams]]\nname = 'far'\nchains = ['http://a']"),
      "line 3: rules[0].via: 'farr' is none of the upstreams (did you mean far?)",
    ],
    [rule("via = ['far', 'socks5://a']"), "line 3: rules[0].via: wants URLs, or one name alone"],
    [rule(`via = [${"'socks5://a',".repeat(9)}]`), "line 3: rules[0].via: has more than 8 gateways"],
    [
      rule("via = 'ftp://a'"),
      "line 3: rules[0].via: 'ftp://a' is of the scheme 'ftp:', which is none of socks5:, socks5s:, http: and https:",
    ],
    [
      "[[upstreams]]\nname = 'a b'\nchains = ['socks5://a']",
      "line 2: upstreams[0].name: 'a b' is no name for it (letters, digits, '.', '_' and '-')",
    ],
    ["[[upstreams]]\nname = 'a'\nchains = []", "line 3: upstreams[0].chains: is empty"],
    [
      "[[upstreams]]\nname = 'a'\nchains = [['socks5://u:hunter2@a:0']]",
      "line 3: upstreams[0].chains[0][0]: 'socks5://u:***@a:0' has the port 0, which is not 1 to 65535",
    ],
    [
      "[[upstreams]]\nname = 'a'\npolcy = 'x'\nprobe = 'a'\nchains = ['http://a']",
      "line 3: upstreams[0].polcy is not known (did you mean policy?)",
      "line 4: upstreams[0].probe: 'a' is no destination (write example.org:443 or [2001:db8::1]:443)",
    ],
    [
      "[[upstreams]]\nname = 'a'\nchains = ['http://a']\n[[upstreams]]\nname = 'a'\nchains = ['http://a']",
      "line 5: upstreams[1].name: 'a' is named twice",
    ],
    [
      "[[forwards]]\nlissten = ':1'\nto = 'a'\nproxy_protocol = 3",
      "line 1: forwards[0].listen is missing",
      "line 2: forwards[0].lissten is not known (did you mean listen?)",
      "line 3: forwards[0].to: 'a' is no destination (write example.org:443 or [2001:db8::1]:443)",
      "line 4: forwards[0].proxy_protocol: '3' is no version of the PROXY protocol (write 1 or 2)",
    ],
    ["rules = [{ action = 'deny' }, 5]", "line 1: rules[1]: '5' is no table"],
    ["listen = ':99999'", "line 1: listen: ':99999' has a port above 65535"],
    [
      "listen = '1080'",
      "line 1: listen: '1080' is no address; for port 1080 on every address write ':1080'",
    ],
    ["max_sessions = -1", "line 1: max_sessions: '-1' is no number above 0"],
    ["max_sessions = inf", "line 1: max_sessions: 'Infinity' is no number above 0"],
    ["max_sessions = 99999999999999999999", "line 1: integer value cannot be represented losslessly"],
    ["ports = '0-70000'", "line 1: ports: '0-70000' is no range (write 40000-40999)"],
    ["session_bandwidth = '5T'", "line 1: session_bandwidth: '5T' is no size (write 500k, 10M or 1G)"],
    ["workers = 2.5", "line 1: workers: '2.5' is no number above 0"],
    ["watch = 1", "line 1: watch: '1' is neither true nor false"],
    ["log_format = 'xml'", "line 1: log_format: 'xml' is not one of auto, text, json, syslog"],
    ["log_sample = 'none'", "line 1: log_sample: 'none' is no number above 0"],
    ["log_clients = 'half'", "line 1: log_clients: 'half' is not one of full, prefix, none"],
    [
      "dns = 'ftp://192.0.2.53'",
      "line 1: dns: 'ftp://192.0.2.53' is no DNS server (write 192.0.2.53, [2001:db8::53]:5353, tcp://192.0.2.53, " +
      "tls://192.0.2.53#dns.example or https://dns.example/dns-query)",
    ],
    ["host = 'db=nowhere'", "line 1: host: 'nowhere' in 'db=nowhere' is no address"],
    [
      "nat64 = '64:ff9b::/97'",
      "line 1: nat64: '64:ff9b::/97' is no NAT64 prefix: IPv6, of 32, 40, 48, 56, 64 or 96 bits, bits 64 to 71 zero",
    ],
    ["prefer = 'ipv5'", "line 1: prefer: 'ipv5' is not one of ipv4, ipv6"],
    [`via = [${"'socks5://a',".repeat(9)}]`, "line 1: via[8]: more than 8 of them"],
    ["[[upstreams]]\nname = 'a'", "line 1: upstreams[0].chains is missing"],
    ["[[upstreams]]\nname = 'a'\nchains = 'socks5://a'", "line 3: upstreams[0].chains: 'socks5://a' is no list"],
    [
      "[[upstreams]]\nname = 'a'\nchains = ['socks5://a']\npolicy = 'random'",
      "line 4: upstreams[0].policy: 'random' is not one of in-order, round-robin, lowest-latency",
    ],
    [
      rule("via = 'socks5://a?password-file=pw'"),
      "line 3: rules[0].via: 'socks5://a?password-file=/etc/gate46/pw' is not socks5://USER@HOST?password-file=FILE",
    ],
    [
      rule("via = 'socks5://u:hunter2@a?password-file=pw'"),
      "line 3: rules[0].via: 'socks5://u:***@a?password-file=/etc/gate46/pw' is not socks5://USER@HOST?password-file=FILE",
    ],
    [rule("via = 'socks5://u:***@a'"), "line 3: rules[0].via: 'socks5://u:***@a' has a password that was hidden"],
    [
      "listen = ':1'\r\nmax_sessions = 'x'\r\n[[rules]]\r\naction = 1\r\n",
      "line 2: max_sessions: 'x' is no number",
      "line 4: rules[0].action: '1' is not one of allow, deny",
    ],
    ["\ufeffmax_sessions = 0", "line 1: max_sessions: '0' is no number above 0"],
    ["[[users]]\nname = 'ann'\npassword = 'hunter2", "line 3: unfinished string"],
    [
      "[[users]]\nname = 'ann'\npassword = 'a'\npassword = 'hunter2'",
      "line 4: trying to redefine an already defined table or value",
    ],
    ["__proto__ = 1", "line 1: document contains an unsafe property"],
    ["listen = ':1'\n\0", "line 2: illegal character in key"],
  ];
  for (const [toml, ...problems] of rows) {
    test(JSON.stringify(toml).slice(0, 70), () => {
      assert.deepEqual(complaints(toml), problems.map((problem) => `Cannot parse gate46.toml ${problem}`));
    });
  }

  test("which would be an open relay is told as flags would be", () => {
    assert.match(complaints("listen = ':1080'")[0]!, /^Cannot listen on ::: it would be an open relay/);
  });

  test("by all that is wrong in it", () => {
    assert.equal(complaints("a = 1\nfrom = 'x'\n[[rules]]\nto = 'x'\n[[rules]]\nnames = ':'").length, 6);
  });
});

describe("Lines are found", () => {
  for (
    const [what, toml, line] of [
      ["behind texts of several lines", "log_format = \"\"\"text\"\"\"\nlog_level = '''\na\n'''", 2],
      ["behind texts that look like TOML", "listen = '[[rules]] # \" x = 1'\nfrom = 'x'", 1],
      ["behind comments and blank lines", "# a = 1\n\r\n  # [[rules]]\n\tfrom = 'x'", 4],
      ["of quoted keys", "open = true\n\"from\" = 'x'", 2],
      ["in inline tables", "open = true\nrules = [\n  { action = 'deny' },\n  { action = 'deny', to = 'x' } ]", 4],
      ["behind a byte order mark", "\ufeffopen = true\nfrom = 'x'", 2],
      ["of dotted keys", "open = true\nfrom.x = 1", 2],
    ] as const
  ) {
    test(what, () => assert.match(complaints(toml)[0]!, new RegExp(`^Cannot parse gate46.toml line ${line}: `)));
  }
});

describe("A file", () => {
  test("says all that flags say, and puts it where they put it", () => {
    const { config } = read(`
      listen = "[::1]:1"
      users_file = "users"
      from = ["10.0.0.0/8", "2001:db8::1"]
      allow = "127.0.0.1"
      open = false
      admin = 9191
      announce = ["2001:db8::9", "192.0.2.9"]
      ports = "40000-40009"
      udp_filter = "address-dependent"
      handshake_timeout = 1
      dial_timeout = "2s"
      bind_timeout = "3s"
      idle_timeout = "4s"
      udp_idle_timeout = "5s"
      drain = 6.5
      max_sessions = 7
      log_level = "debug"
      log_format = "json"
    `);
    assert.deepEqual(
      config,
      parseConfig({
        listen: ["[::1]:1"],
        usersFile: "/etc/gate46/users",
        from: ["10.0.0.0/8", "2001:db8::1"],
        allow: ["127.0.0.1"],
        admin: "9191",
        announce: ["2001:db8::9", "192.0.2.9"],
        ports: "40000-40009",
        udpFilter: "address-dependent",
        handshakeTimeout: "1s",
        dialTimeout: "2s",
        bindTimeout: "3s",
        idleTimeout: "4s",
        udpIdleTimeout: "5s",
        drain: "6.5s",
        maxSessions: "7",
        logLevel: "debug",
        logFormat: "json",
      }),
    );
  });

  test("that is empty changes nothing", () => assert.deepEqual(read("").config, parseConfig({})));

  test("has users, with their passwords or files of them", () => {
    const { config } = read(`
      [[users]]
      name = "ann"
      password = "a:b"
      [[users]]
      name = "bob"
      password_file = "bob.password"
    `);
    assert.deepEqual(config.users.map(({ name, password, passwordFile }) => [name, password, passwordFile]), [
      ["ann", "a:b", undefined],
      ["bob", undefined, "/etc/gate46/bob.password"],
    ]);
  });

  test("has rules", () => {
    const { config: { rules: [all, bare] } } = read(`
      [[rules]]
      name = "all"
      action = "allow"
      from = "10.0.0.0/8"
      listener = [":1081", "socks5://[::1]:1080", "unix:/run/x"]
      users = ["ann", "bob"]
      commands = ["bind", "udp-associate"]
      to = ["192.0.2.0/24", "::1"]
      names = [".Example.org", "*"]
      to_file = "blocked"
      names_file = ["ads", "lists/more"]
      ports = [443, "8000-8999"]
      relay = "A"
      family = "only-ipv6"
      bandwidth = "1.5M"
      max_sessions = 7
      via = "socks5://192.0.2.1:1080"
      [[rules]]
      action = "deny"
    `);
    const { from, to, names, ...rest } = all!;
    assert.deepEqual([from!.map(String), to!.map(String), names!.map(({ text }) => text)], [
      ["10.0.0.0/8"],
      ["192.0.2.0/24", "::1/128"],
      [".example.org", "*"],
    ]);
    assert.deepEqual(rest, {
      name: "rules[0] 'all'",
      action: "allow",
      listeners: ["[::]:1081", "0.0.0.0:1081", "[::1]:1080", "unix:/run/x"],
      users: ["ann", "bob"],
      toFiles: ["/etc/gate46/blocked"],
      namesFiles: ["/etc/gate46/ads", "/etc/gate46/lists/more"],
      commands: [Command.Bind, Command.UdpAssociate],
      ports: [{ first: 443, last: 443 }, { first: 8_000, last: 8_999 }],
      relay: ["A"],
      family: "only-ipv6",
      budget: { bandwidth: 1_500_000, maxSessions: 7 },
      via: ["socks5://192.0.2.1:1080"],
    });
    assert.deepEqual(bare, { name: "rules[1]", action: "deny" });
  });

  test("can hold every option but those that have a reason", () => {
    const { properties } = JSON.parse(configSchema());
    const missing = optionKeys.filter((key) => !(fileKey(key) in properties));
    assert.deepEqual(missing, ["config", "takeOver", "user"]);
    assert.ok(missing.every((key) => optionOf(key).notInFile));
  });
});

test("A forward of datagrams has no PROXY protocol", () => {
  const toml = "[[forwards]]\nlisten = 'udp://:1'\nto = 'a:1'\nproxy_protocol = 2";
  assert.deepEqual(complaints(toml), [
    "Cannot parse gate46.toml line 1: forwards[0]: the PROXY protocol is for connections, not for udp://",
  ]);
});

test("Two forwards to one destination go one way", () => {
  const toml = "[[forwards]]\nlisten = ':1'\nto = 'a:1'\n[[forwards]]\nlisten = ':2'\nto = 'a:1'\nvia = 'http://b'";
  assert.throws(() => read(toml), { problems: ["Cannot forward to a:1 by two ways: give both the same via"] });
});

describe("What is said in several places", () => {
  const file = readFile(
    "drain = '1s'\nfrom = '10.0.0.0/8'\nlog_level = 'error'\nadmin = 'off'",
    "f.toml",
    (path) => path,
  );
  const environment = { GATE46_DRAIN: "2s", GATE46_LOG_LEVEL: "warning", GATE46_FROM: "10.1.0.0/16, 10.2.0.0/16" };

  test("holds as the flags say, then the environment, then the file, then by default", () => {
    const { config } = readConfig({ file, environment, flags: { drain: "3s" } });
    assert.equal(config.drainMs, 3_000);
    assert.equal(config.logLevel, "warning");
    assert.deepEqual(config.gateway.from!.map(String), ["10.1.0.0/16", "10.2.0.0/16"]);
    assert.equal(config.admin, undefined);
    assert.equal(config.logFormat, "auto");
  });

  test("is wrong wherever it is wrong, though overridden", () => {
    assert.throws(() => readConfig({ environment: { GATE46_DRAIN: "soon" }, flags: { drain: "3s" } }), {
      message: "Cannot parse GATE46_DRAIN: 'soon' is no time (write 10s, 500ms, 5m or 1h)",
    });
  });
});

describe("Variables", () => {
  test("that mean nothing are refused, with the nearest one named", () => {
    const environment = { GATE46_LISEN: ":1", GATE46_X: "1", GATE46_SOCKSIFY_DIRECT: "of the preload" };
    assert.throws(() => readConfig({ environment }), {
      problems: [
        "Cannot use GATE46_LISEN: no such setting (did you mean GATE46_LISTEN?)",
        "Cannot use GATE46_X: no such setting",
      ],
    });
  });

  test("of the preload send a gateway that is started in the same shell nowhere", () => {
    const { config } = readConfig({ environment: { GATE46_SOCKSIFY_VIA: "socks5://192.0.2.1" } });
    assert.deepEqual(config.rules, []);
  });

  test("that are empty say nothing, and those of others are left alone", () => {
    const environment = {
      GATE46_LISTEN: "",
      GATE46_FROM: " , ",
      PATH: "/bin",
      GATE46_RUNTIME: "bun",
      GATE46_SERVICE_HOST: "10.0.0.1",
      GATE46_SERVICE_PORT_SOCKS: "1080",
      GATE46_PORT: "tcp://10.0.0.1:1080",
      GATE46_PORT_1080_TCP_ADDR: "10.0.0.1",
    };
    assert.deepEqual(readConfig({ environment }).config, parseConfig({}));
  });

  test("take switches, lists, and one user whose password may hold anything", () => {
    const environment = { GATE46_OPEN: "1", GATE46_LISTEN: ":1081,[::1]:1082", GATE46_USER: "ann:a, b" };
    const { config } = readConfig({ environment });
    assert.deepEqual(config.listen.map(({ addr }) => addr.port), [1081, 1082]);
    assert.deepEqual(config.users, [{ name: "ann", password: "a, b" }]);
    assert.throws(() => readConfig({ environment: { GATE46_OPEN: "maybe" } }), {
      message: "Cannot parse GATE46_OPEN: 'maybe' is neither true nor false",
    });
  });
});

describe("printConfig()", () => {
  const toml = `
    from = "10.0.0.0/8"
    open = true
    [[users]]
    name = "bob"
    password = "hunter2"
    [[users]]
    name = "cid"
    password_file = "cid"
    max_rate = 5
    [[access]]
    listener = "unix:/run/x"
    auth = "none"
    [[rules]]
    action = "allow"
    names = "*.onion"
    via = ["socks5://ann:hunter2@192.0.2.1:9050"]
  `;
  const file = readFile(toml, "gate46.toml", (path) => path);
  const { effective, config } = readConfig({
    file,
    environment: { GATE46_MAX_SESSIONS: "5" },
    flags: { user: ["ann:hunter2"], listen: [":1", "[::1]:2"] },
  });
  const text = printConfig(effective, config.users, (path) => path, file);

  test("says what holds, and who says so", () => {
    for (
      const line of [
        'from = ["10.0.0.0/8"] # gate46.toml line 2',
        "open = true # gate46.toml line 3",
        "max_sessions = 5 # GATE46_MAX_SESSIONS",
        'listen = [":1", "[::1]:2"] # --listen',
        'drain = "30s" # default',
        'password_file = "cid"',
        'listener = "unix:/run/x"',
        "max_rate = 5",
        'via = [ "socks5://ann:***@192.0.2.1:9050" ]',
      ]
    ) assert.ok(text.split("\n").includes(line), `${line} in\n${text}`);
  });

  test("shows no secret", () => assert.ok(!text.includes("hunter2"), text));

  test("is refused where a secret is missing, and only there", () => {
    const problems = complaints(text);
    assert.equal(problems.length, 3, text); // ann, bob, and the URL
    assert.ok(problems.every((one) => /wants either password or password_file|a password that was hidden/.test(one)));
  });

  test("is a file that means the same, whoever said what", () => {
    fc.assert(
      fc.property(configurations, ({ said, tables }) => {
        const given = (place: Place) => entriesAt(said, place);
        const file = readFile(
          `${given("file").map(tomlLine).join("\n")}\n${tables}`,
          "a.toml",
          (path) => `/etc/${path}`,
        );
        const environment = Object.fromEntries(
          given("variable").map(([key, texts]) => [variableName(key), texts.join(",")]),
        );
        const flags = Object.fromEntries(
          given("flag").map(([key, texts]) => [key, optionOf(key).many ? texts : texts.at(-1)]),
        );
        let before;
        try {
          before = readConfig({ file, environment, flags });
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          return fc.pre(false); // what may not stand together
        }
        const printed = printConfig(before.effective, before.config.users, (path) => path, file);
        const again = readConfig({ file: readFile(printed, "b.toml", (path) => path) });
        assert.deepEqual(again.config, before.config);
      }),
      { numRuns: 50 },
    );
  });
});

type Place = "file" | "variable" | "flag";
type Said = Readonly<Partial<Record<OptionKey, { place: Place; texts: readonly string[] }>>>;

/** What each option may be. */
const samples: Readonly<Record<Exclude<OptionKey, "config" | "takeOver" | "user">, readonly string[]>> = {
  listen: [":1080", "[::1]:1", "localhost:2", "192.0.2.1"],
  forward: [
    "[::1]:2223=b.test:22",
    "udp://:53=b.test:53",
    "127.0.0.1:2224=[2001:db8::1]:22?proxy-protocol=2&idle-timeout=1h",
  ],
  admin: ["off", "9091", "[::1]:9"],
  unixMode: ["0660"],
  adminTokenFile: ["/token"],
  watch: ["true", "false"],
  announce: ["192.0.2.9", "2001:db8::9"],
  ports: ["40000-40999"],
  usersFile: ["/users"],
  authCommand: ["/usr/bin/check", "/usr/bin/check -a"],
  authUrl: ["https://auth.example/"],
  authCache: ["1m", "0"],
  quotaFile: ["quotas.json"],
  gssapiKeytab: ["/keytab"],
  gssapiService: ["rcmd@gw.test"],
  gssapiProtection: ["none", "confidentiality"],
  gssapiUser: ["local"],
  gssapiFirst: ["true", "false"],
  gssapiNec: ["false"], // which is nothing without a cache
  gssapiReplayCache: ["/replay"],
  from: ["10.0.0.0/8", "::/0"],
  authExempt: ["192.168.0.0/16"],
  maxFailures: ["30"],
  failuresExempt: ["127.0.0.0/8", "::1"],
  proxyProtocolFrom: ["127.0.0.1"],
  open: ["true", "false"],
  allow: ["127.0.0.0/8", "::1"],
  default: ["allow"],
  socks4: ["true", "false"],
  udpFilter: ["address-dependent"],
  dns: ["192.0.2.53", "tls://192.0.2.53#dns.example"],
  dnsCa: ["/ca.pem"],
  tlsCert: ["cert.pem"],
  tlsKey: ["key.pem"],
  tlsClientCa: ["ca.pem"],
  viaCa: ["ca.pem"],
  viaCert: ["cert.pem"],
  viaKey: ["key.pem"],
  host: ["db.example=192.0.2.7"],
  prefer: ["ipv4"],
  only: ["ipv6"],
  outgoing: ["192.0.2.8", "2001:db8:1::/64"],
  outgoingPer: ["user"],
  nat64: ["auto", "64:ff9b::/96"],
  resolveCommands: ["true", "false"],
  udpInTcp: ["true", "false"],
  via: ["socks5://192.0.2.1", "http://ann@g.example?password-file=/pw"],
  probeInterval: ["0", "20s"],
  probeTimeout: ["1.5"],
  maxSessions: ["7"],
  maxSessionsPerClient: ["8"],
  maxSessionsPerUser: ["9"],
  maxRate: ["10"],
  sessionBandwidth: ["500k"],
  userBandwidth: ["1.5M"],
  maxUdpDestinations: ["11"],
  handshakeTimeout: ["1s"],
  dialTimeout: ["500ms"],
  bindTimeout: ["3m"],
  idleTimeout: ["1h"],
  udpIdleTimeout: ["60"],
  drainDelay: ["5s"],
  drain: ["0"],
  engine: ["linux", "portable"],
  workers: ["3"],
  busyPoll: ["0.5ms"],
  mark: ["4"],
  interface: ["eth0"],
  freeBind: ["true", "false"],
  tcpUserTimeout: ["8s"],
  metricsPerUser: ["true", "false"],
  logLevel: ["debug"],
  logFormat: ["json"],
  logFile: ["/log"],
  logSessions: ["failed"],
  logSample: ["off", "7"],
  logClients: ["prefix"],
};

/** What an option of TLS does not hold without. */
function withTls(key: string, toml: string): string {
  if (key.startsWith("tls_")) {
    return toml.replace(/^listen = .*$/m, 'listen = "socks5s://[::]:1080"').replace(/^# tls_(cert|key) /gm, "tls_$1 ");
  }
  if (!key.startsWith("via_")) return toml;
  return toml.replace(/^# via = .*$/m, 'via = "socks5s://192.0.2.1"').replace(/^# via_(cert|key) /gm, "via_$1 ");
}

const configurations = fc.record({
  said: fc.record(
    Object.fromEntries(
      // Files of TLS hold only together, which chance seldom brings about.
      Object.entries(samples).filter(([key]) => !/^(tls|via)[A-Z]/.test(key)).map(([key, texts]) => [
        key,
        fc.record({
          place: fc.constantFrom<Place>("file", "variable", "flag"),
          texts: fc.subarray([...texts], { minLength: 1, maxLength: optionOf(key as OptionKey).many ? undefined : 1 }),
        }),
      ]),
    ),
    { requiredKeys: [] },
  ) as fc.Arbitrary<Said>,
  tables: fc.record({
    users: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 })),
    rules: fc.array(fc.record({
      name: fc.string({ unit: "grapheme" }),
      action: fc.constant("allow"),
      ports: fc.subarray([443, "8000-8999"], { minLength: 1 }),
      via: fc.constantFrom("far", "socks5://192.0.2.3", ["socks5://a", "http://u@b?password-file=pw"]),
    }, { requiredKeys: ["action"] })),
  }).map(({ users, rules }) => {
    const upstreams = [{ name: "far", chains: ["http://a", ["socks5://u@b?password-file=pw", "socks5://c"]] }];
    const forwards = [{ listen: ":2222", to: "a.test:22", via: "socks5://u@b?password-file=pw", idle_timeout: "1h" }];
    return stringify({ forwards, users: users.map((name) => ({ name, password_file: name })), upstreams, rules });
  }),
});

function entriesAt(said: Said, wanted: Place): [OptionKey, readonly string[]][] {
  return Object.entries(said).flatMap(([key, { place, texts }]) => place === wanted ? [[key as OptionKey, texts]] : []);
}

function tomlLine([key, texts]: [OptionKey, readonly string[]]): string {
  const { accepts, many } = optionOf(key);
  const value = (text: string) => accepts.includes("string") ? JSON.stringify(text) : text;
  return `${fileKey(key)} = ${many ? `[${texts.map(value).join(", ")}]` : value(texts[0]!)}`;
}

describe("What is written for people and editors", () => {
  const example = readFileSync(join(projectRoot, "scripts/gate46.example.toml"), "utf8");
  const schema = new Validator(JSON.parse(configSchema()), "2020-12");
  const tablesAt = example.indexOf("# Users, beside");

  test("scripts/gate46.example.toml is valid", () => {
    const { config } = read(example);
    assert.ok(config.rules.length >= 5);
  });

  test("and is so with each thing that it has commented out, which is every option", () => {
    const valid = (toml: string, what: string) => {
      assert.deepEqual(complaints(toml), [], what);
      assert.deepEqual(schema.validate(parse(toml)).errors, [], what);
    };
    const options = [...example.slice(0, tablesAt).matchAll(/^# ([a-z_\d]+) = .*$/gm)];
    for (const [line, key] of options) {
      const toml = example.replace(line, line.slice(2));
      valid(key === "dns_ca" ? toml.replace("# dns =", "dns =") : withTls(key!, toml), line);
    }
    const written = new Set([...options.map(([, key]) => key), ...Object.keys(parse(example))]);
    assert.deepEqual(optionKeys.filter((key) => !optionOf(key).notInFile && !written.has(fileKey(key))), []);
    const tables = example.slice(tablesAt, example.indexOf("# Rules, in their order"))
      .replace(/^# (\[\[.*|[a-z_]+ = .*)$/gm, "$1");
    assert.deepEqual(Object.keys(parse(tables)), ["users", "access", "forwards", "upstreams", "rules"]);
    valid(`quota_file = "quotas.json"\n${tables}`, tables);
  });

  test("which editors are told by the schema is wrong what the program says is", () => {
    for (const toml of ["lisen = ':1'", "max_sessions = 'x'", "[[rules]]\naction = 'drop'", "users = 'ann'"]) {
      assert.notDeepEqual(complaints(toml), [], toml);
      assert.equal(schema.validate(parse(toml)).valid, false, toml);
    }
  });

  test("scripts/gate46.schema.json is up to date; else run scripts/config_schema.ts", () => {
    assert.equal(readFileSync(join(projectRoot, "scripts/gate46.schema.json"), "utf8"), configSchema());
  });
});
