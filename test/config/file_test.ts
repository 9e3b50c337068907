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

describe("The error for a wrong file names path, line, value and expectation", () => {
  // Those that an editor would not keep; the others are in test/config/golden/.
  const rows: readonly (readonly [string, ...problems: readonly string[]])[] = [
    [
      "listen = '[::1]:1'\r\nmax_sessions = 'x'\r\n[[rules]]\r\naction = 1\r\n",
      "line 2: max_sessions: 'x' is not a number",
      "line 4: rules[0].action: '1' is not one of allow, deny",
    ],
    ["\ufeffmax_sessions = 0", "line 1: max_sessions: '0' is not a whole number from 1 to 999999999"],
    ["listen = ':1'\n\0", "line 2: illegal character in key"],
  ];
  for (const [toml, ...problems] of rows) {
    test(JSON.stringify(toml).slice(0, 70), () => {
      assert.deepEqual(complaints(toml), problems.map((problem) => `Cannot parse gate46.toml ${problem}`));
    });
  }

  test("and an open relay is reported as for flags", () => {
    assert.match(complaints("listen = ':1080'")[0]!, /^Cannot listen on \[::\]:1080: it would be an open relay/);
  });

  test("and all faults are listed", () => {
    assert.equal(complaints("a = 1\nfrom = 'x'\n[[rules]]\nto = 'x'\n[[rules]]\nnames = ':'").length, 6);
  });
});

describe("Line numbers are right", () => {
  for (
    const [what, toml, line] of [
      ["after multi-line strings", "log_format = \"\"\"text\"\"\"\nlog_level = '''\na\n'''", 2],
      ["after strings that look like TOML", "listen = '[[rules]] # \" x = 1'\nfrom = 'x'", 1],
      ["after comments and blank lines", "# a = 1\n\r\n  # [[rules]]\n\tfrom = 'x'", 4],
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
  test("maps to the same settings as the flags", () => {
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

  test("may have users, with passwords or password files", () => {
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

  test("may have rules", () => {
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

  test("accepts every option except those marked notInFile", () => {
    const { properties } = JSON.parse(configSchema());
    const missing = optionKeys.filter((key) => !(fileKey(key) in properties));
    assert.deepEqual(missing, ["config", "takeOver", "user"]);
    assert.ok(missing.every((key) => optionOf(key).notInFile));
  });
});

test("A UDP forward refuses the PROXY protocol", () => {
  const toml = "[[forwards]]\nlisten = 'udp://:1'\nto = 'a:1'\nproxy_protocol = 2";
  assert.deepEqual(complaints(toml), [
    "Cannot parse gate46.toml line 1: forwards[0]: the PROXY protocol is for connections, not for udp://",
  ]);
});

test("Two forwards to one destination must have the same via", () => {
  const toml = "[[forwards]]\nlisten = ':1'\nto = 'a:1'\n[[forwards]]\nlisten = ':2'\nto = 'a:1'\nvia = 'http://b'";
  assert.throws(() => read(toml), { problems: ["Cannot forward to a:1 by two ways: give both the same via"] });
});

describe("An option with several sources", () => {
  const file = readFile(
    "drain = '1s'\nfrom = '10.0.0.0/8'\nlog_level = 'error'\nadmin = 'off'",
    "f.toml",
    (path) => path,
  );
  const environment = { GATE46_DRAIN: "2s", GATE46_LOG_LEVEL: "warning", GATE46_FROM: "10.1.0.0/16, 10.2.0.0/16" };

  test("takes the flag first, then the environment, then the file, then the default", () => {
    const { config } = readConfig({ file, environment, flags: { drain: "3s" } });
    assert.equal(config.drainMs, 3_000);
    assert.equal(config.logLevel, "warning");
    assert.deepEqual(config.gateway.from!.map(String), ["10.1.0.0/16", "10.2.0.0/16"]);
    assert.equal(config.admin, undefined);
    assert.equal(config.logFormat, "auto");
  });

  test("is refused if any source is wrong, even if overridden", () => {
    assert.throws(() => readConfig({ environment: { GATE46_DRAIN: "soon" }, flags: { drain: "3s" } }), {
      message: "Cannot parse GATE46_DRAIN: 'soon' is not a time (write 10s, 500ms, 5m or 1h)",
    });
  });
});

describe("Environment variables", () => {
  test("with unknown names are refused, with a suggestion", () => {
    const environment = { GATE46_LISEN: ":1", GATE46_X: "1", GATE46_SOCKSIFY_DIRECT: "of the preload" };
    assert.throws(() => readConfig({ environment }), {
      problems: [
        "Cannot use GATE46_LISEN: no such setting (did you mean GATE46_LISTEN?)",
        "Cannot use GATE46_X: no such setting",
      ],
    });
  });

  test("of gate46 socksify do not affect a gateway started in the same shell", () => {
    const { config } = readConfig({ environment: { GATE46_SOCKSIFY_VIA: "socks5://192.0.2.1" } });
    assert.deepEqual(config.rules, []);
  });

  test("that are empty are ignored, and so are variables of other programs", () => {
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

  test("accept switches, lists, and one user with any characters in the password", () => {
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

  test("prints each effective option and its source", () => {
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

  test("is refused as a configuration file only at its hidden secrets", () => {
    const problems = complaints(text);
    assert.equal(problems.length, 3, text); // ann, bob, and the URL
    assert.ok(
      problems.every((one) =>
        /give one of password or password_file, or set users_file|a password that was hidden/.test(one)
      ),
    );
  });

  test("prints a file with the same meaning, for any sources", () => {
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
  otlp: ["http://127.0.0.1:4318"],
  otlpInterval: ["10s", "1m"],
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
  fakeDns: ["192.0.2.1", ":5353"],
  fakeDnsCheck: ["true", "false"],
  fakeDnsExclude: [".lan", "printer.example"],
  fakeIpv4: ["198.18.0.0/16"],
  fakeIpv6: ["fd00::/64"],
  fakeJournal: ["/names"],
  installRules: ["false"], // which is nothing without a listener
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

describe("The example file and the schema", () => {
  const example = readFileSync(join(projectRoot, "scripts/gate46.example.toml"), "utf8");
  const schema = new Validator(JSON.parse(configSchema()), "2020-12");
  const tablesAt = example.indexOf("# Users, beside");

  test("scripts/gate46.example.toml is valid", () => {
    const { config } = read(example);
    assert.ok(config.rules.length >= 5);
  });

  test("scripts/gate46.example.toml is valid with each commented option, and has every option", () => {
    const valid = (toml: string, what: string) => {
      assert.deepEqual(complaints(toml), [], what);
      assert.deepEqual(schema.validate(parse(toml)).errors, [], what);
    };
    const options = [...example.slice(0, tablesAt).matchAll(/^# ([a-z_\d]+) = .*$/gm)];
    for (const [line, key] of options) {
      const toml = example.replace(line, line.slice(2));
      const routed = toml.replace("[::]:1080", "transparent://:1081");
      valid(
        key === "dns_ca" ? toml.replace("# dns =", "dns =") : key === "install_rules" ? routed : withTls(key!, toml),
        line,
      );
    }
    const written = new Set([...options.map(([, key]) => key), ...Object.keys(parse(example))]);
    assert.deepEqual(optionKeys.filter((key) => !optionOf(key).notInFile && !written.has(fileKey(key))), []);
    const tables = example.slice(tablesAt, example.indexOf("# Rules, in their order"))
      .replace(/^# (\[\[.*|[a-z_]+ = .*)$/gm, "$1");
    assert.deepEqual(Object.keys(parse(tables)), ["users", "access", "forwards", "upstreams", "rules"]);
    valid(`quota_file = "quotas.json"\n${tables}`, tables);
  });

  test("the schema refuses the same files as the program", () => {
    for (const toml of ["lisen = ':1'", "max_sessions = 'x'", "[[rules]]\naction = 'drop'", "users = 'ann'"]) {
      assert.notDeepEqual(complaints(toml), [], toml);
      assert.equal(schema.validate(parse(toml)).valid, false, toml);
    }
  });

  test("scripts/gate46.schema.json is up to date; else run scripts/config_schema.ts", () => {
    assert.equal(readFileSync(join(projectRoot, "scripts/gate46.schema.json"), "utf8"), configSchema());
  });
});
