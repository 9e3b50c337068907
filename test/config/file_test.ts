import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { configSchema } from "../../scripts/config_schema.ts";
import { parseConfig, readConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/error.ts";
import { readFile } from "../../src/config/file.ts";
import { fileKey, optionKeys, optionOf } from "../../src/config/options.ts";
import { printConfig } from "../../src/config/print.ts";
import { Command } from "../../src/protocol/codes.ts";
import { projectRoot } from "../support/runtime.ts";

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
      "line 1: from[0]: '10.0.0.1/8' is not a prefix",
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
      "line 3: rules[0].commands: 'udp' is not one of connect, bind, udp-associate, resolve, resolve-ptr",
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
      "line 4: upstreams[0].probe: 'a' is no destination (write example.org:443)",
    ],
    [
      "[[upstreams]]\nname = 'a'\nchains = ['http://a']\n[[upstreams]]\nname = 'a'\nchains = ['http://a']",
      "line 5: upstreams[1].name: 'a' is named twice",
    ],
    ["rules = [{ action = 'deny' }, 5]", "line 1: rules[1]: '5' is no table"],
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
      users = ["ann", "bob"]
      commands = ["bind", "udp-associate"]
      to = ["192.0.2.0/24", "::1"]
      names = [".Example.org", "*"]
      ports = [443, "8000-8999"]
      relay = "A"
      family = "only-ipv6"
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
      users: ["ann", "bob"],
      commands: [Command.Bind, Command.UdpAssociate],
      ports: [{ first: 443, last: 443 }, { first: 8_000, last: 8_999 }],
      relay: ["A"],
      family: "only-ipv6",
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
    assert.equal(config.logFormat, "text");
  });

  test("is wrong wherever it is wrong, though overridden", () => {
    assert.throws(() => readConfig({ environment: { GATE46_DRAIN: "soon" }, flags: { drain: "3s" } }), {
      message: "Cannot parse GATE46_DRAIN: 'soon' is no time (write 10s, 500ms, 5m or 1h)",
    });
  });
});

describe("Variables", () => {
  test("that mean nothing are refused, with the nearest one named", () => {
    const environment = { GATE46_LISEN: ":1", GATE46_X: "1", GATE46_DIRECT: "of the preload" };
    assert.throws(() => readConfig({ environment }), {
      problems: [
        "Cannot use GATE46_LISEN: no such setting (did you mean GATE46_LISTEN?)",
        "Cannot use GATE46_X: no such setting",
      ],
    });
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
  const text = printConfig(effective, config.users, file);

  test("says what holds, and who says so", () => {
    for (
      const line of [
        'from = ["10.0.0.0/8"] # gate46.toml line 2',
        "open = true # gate46.toml line 3",
        "max_sessions = 5 # GATE46_MAX_SESSIONS",
        'listen = [":1", "[::1]:2"] # --listen',
        'drain = "30s" # default',
        'password_file = "cid"',
        'via = [ "socks5://ann:***@192.0.2.1:9050" ]',
      ]
    ) assert.ok(text.split("\n").includes(line), `${line} in\n${text}`);
  });

  test("shows no secret", () => assert.ok(!text.includes("hunter2"), text));

  test("is a file that says the same, but for what is hidden", () => {
    const bare = readConfig({ flags: { listen: ["[::1]:2"], from: ["10.0.0.0/8"] } });
    const again = read(printConfig(bare.effective, []));
    assert.deepEqual(again.config, bare.config);
  });
});

describe("What is written for people and editors", () => {
  test("scripts/gate46.example.toml is valid", () => {
    const { config } = read(readFileSync(join(projectRoot, "scripts/gate46.example.toml"), "utf8"));
    assert.ok(config.rules.length >= 5);
  });

  test("scripts/gate46.schema.json is up to date; else run scripts/config_schema.ts", () => {
    assert.equal(readFileSync(join(projectRoot, "scripts/gate46.schema.json"), "utf8"), configSchema());
  });
});
