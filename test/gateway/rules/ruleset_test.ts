import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refusal, Ruleset, type RulesetOptions } from "../../../src/gateway/rules/ruleset.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { ipAddress } from "../../../src/protocol/address.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { spellings } from "../../support/wire/spellings.ts";

const asker = { client: { host: "198.51.100.10", port: 1024 }, command: Command.Connect };
const LOCAL = ["192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"];

function ruleset(options: { allow?: readonly string[]; own?: readonly SocketAddr[] } = {}): Ruleset {
  const all: RulesetOptions = {
    allow: (options.allow ?? []).map((text) => parsePrefix(text)!),
    ownListeners: () => options.own ?? [],
    localAddrs: () => LOCAL,
  };
  return new Ruleset(all);
}

/** The rule that keeps a client from there, or undefined. */
function verdict(rules: Ruleset, host: string, port = 80): string | undefined {
  const verdict = rules.judgeFor(asker).address(ipAddress(host, port)!);
  assert.equal(refusal(verdict).reply, Reply.NotAllowed);
  return verdict.allowed ? undefined : verdict.rule;
}

describe("Closed by default in every spelling (3proxy and shadowsocks-rust allow NAT64 and 6to4)", () => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ["0.0.0.0/8", "unspecified", ["0.0.0.0", "0.1.2.3", "0.255.255.255"]],
    ["127.0.0.0/8", "loopback", ["127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255"]],
    ["169.254.0.0/16", "link-local", ["169.254.0.1", "169.254.169.254", "169.254.255.255"]],
    ["224.0.0.0/4", "multicast", ["224.0.0.1", "239.255.255.250", "239.255.255.255"]],
    ["255.255.255.255", "broadcast", ["255.255.255.255"]],
    ["100.100.100.200", "cloud metadata", ["100.100.100.200"]],
    ["168.63.129.16", "cloud metadata", ["168.63.129.16"]],
    ["192.0.0.192", "cloud metadata", ["192.0.0.192"]],
  ];
  for (const [prefix, kind, hosts] of rows) {
    for (const [form, spell] of spellings) {
      test(`${prefix} ${form}`, () => {
        for (const host of hosts) {
          const text = spell(host);
          assert.match(verdict(ruleset(), text) ?? "open", new RegExp(`^${kind} destination`), text);
        }
      });
    }
  }

  test("IPv4-compatible (::a.b.c.d)", () => {
    for (const host of ["127.0.0.1", "169.254.169.254", "224.0.0.1", "100.100.100.200"]) {
      assert.ok(verdict(ruleset(), `::${host}`), host);
    }
  });

  for (
    const [kind, hosts] of [
      ["unspecified", ["::"]],
      ["loopback", ["::1"]],
      ["link-local", ["fe80::1", "fe80::", "febf:ffff::1"]],
      ["multicast", ["ff02::1", "ff00::", "ffff::1"]],
      ["cloud metadata", ["fd00:ec2::254", "fd20:ce::254"]],
    ] as const
  ) {
    test(`${kind} in IPv6`, () => {
      for (const host of hosts) assert.equal(verdict(ruleset(), host), `${kind} destination ${host}`);
    });
  }
});

test("Closed IPv4 addresses stay closed in the local-use NAT64 prefix of any length (RFC 8215)", () => {
  const forms = ["64:ff9b:1::127.0.0.1", "64:ff9b:1::7f:0:100:0", "64:ff9b:1:7f:0:1::", "64:ff9b:1:7f00:0:100::"];
  for (const host of forms) assert.match(verdict(ruleset(), host) ?? "open", /^loopback destination/, host);
  for (const host of ["64:ff9b:1::203.0.113.80", "64:ff9b:1::cb:71:5000:0", "64:ff9b:1:cb00:71:5000::"]) {
    assert.equal(verdict(ruleset(), host), undefined, host);
  }
});

describe("Open by default", () => {
  for (
    const host of [
      "1.0.0.0",
      "126.255.255.255",
      "128.0.0.0",
      "169.253.255.255",
      "169.255.0.0",
      "223.255.255.255",
      "255.255.255.254",
      "10.0.0.1",
      "172.16.0.1",
      "192.168.1.1",
      "100.64.0.1",
      "100.100.100.201",
      "2001:db8::80",
      "fd00::1",
      "fec0::1",
      "fe7f::1",
      "::2",
      "2606:4700::1111",
    ]
  ) {
    test(host, () => assert.equal(verdict(ruleset(), host), undefined));
  }

  for (const [form, spell] of spellings) {
    test(`203.0.113.80 ${form}`, () => assert.equal(verdict(ruleset(), spell("203.0.113.80")), undefined));
  }
});

describe("--allow", () => {
  test("opens only the addresses in its prefixes", () => {
    const rules = ruleset({ allow: ["127.0.0.0/24", "fe80::/64"] });
    assert.equal(verdict(rules, "127.0.0.1"), undefined);
    assert.equal(verdict(rules, "127.0.1.1"), "loopback destination 127.0.1.1");
    assert.equal(verdict(rules, "fe80::1"), undefined);
    assert.ok(verdict(rules, "fe80:1::1"));
    assert.ok(verdict(rules, "::1"));
    assert.ok(verdict(rules, "169.254.169.254"));
  });

  for (const [form, spell] of spellings) {
    test(`opens 127.0.0.1 ${form}`, () => {
      assert.equal(verdict(ruleset({ allow: ["127.0.0.1"] }), spell("127.0.0.1")), undefined);
    });
  }

  test("for a NAT64 prefix does not open embedded closed addresses", () => {
    const rules = ruleset({ allow: ["64:ff9b::/96"] });
    assert.ok(verdict(rules, "64:ff9b::7f00:1"));
    assert.equal(verdict(rules, "64:ff9b::cb00:7150"), undefined);
  });

  test("for all addresses opens everything except the gateway's own listeners", () => {
    const rules = ruleset({ allow: ["0.0.0.0/0", "::/0"], own: [{ host: "127.0.0.1", port: 9090 }] });
    assert.equal(verdict(rules, "127.0.0.1", 80), undefined);
    assert.ok(verdict(rules, "127.0.0.1", 9090));
  });
});

describe("The gateway's own listeners (the gateway reached through itself, its admin port through its relay)", () => {
  const own = [{ host: "127.0.0.1", port: 9090 }, { host: "192.0.2.1", port: 1080 }];

  test("are closed at their address and port", () => {
    const rules = ruleset({ own });
    assert.equal(verdict(rules, "192.0.2.1", 1080), "own listener 192.0.2.1:1080");
    assert.equal(verdict(rules, "192.0.2.1", 80), undefined);
    assert.equal(verdict(rules, "192.0.2.2", 1080), undefined);
  });

  for (const [form, spell] of spellings) {
    test(`are closed ${form}`, () =>
      assert.match(verdict(ruleset({ own }), spell("192.0.2.1"), 1080)!, /^own listener/));
  }

  test("are opened only by their exact address", () => {
    assert.ok(verdict(ruleset({ own, allow: ["127.0.0.0/8"] }), "127.0.0.1", 9090));
    assert.equal(verdict(ruleset({ own, allow: ["127.0.0.0/8", "127.0.0.1"] }), "127.0.0.1", 9090), undefined);
    assert.equal(verdict(ruleset({ own, allow: ["127.0.0.1/32"] }), "127.0.0.1", 9090), undefined);
    assert.equal(verdict(ruleset({ own, allow: ["192.0.2.1"] }), "192.0.2.1", 1080), undefined);
  });

  for (
    const [host, reached] of [
      ["::", ["192.0.2.1", "2001:db8::1", "127.0.0.1", "127.9.9.9", "::1"]],
      ["0.0.0.0", ["192.0.2.1", "127.0.0.1", "127.9.9.9"]],
    ] as const
  ) {
    test(`on ${host} are closed at every address of this machine`, () => {
      const rules = ruleset({ own: [{ host, port: 1080 }], allow: ["127.0.0.0/8", "::/0"] });
      for (const local of reached) assert.match(verdict(rules, local, 1080) ?? "open", /^own listener/, local);
      assert.equal(verdict(rules, "203.0.113.80", 1080), undefined);
    });
  }

  test("on 0.0.0.0 do not close IPv6 addresses", () => {
    const rules = ruleset({ own: [{ host: "0.0.0.0", port: 1080 }] });
    assert.equal(verdict(rules, "2001:db8::1", 1080), undefined);
  });

  test("are closed at the unspecified address, which the system treats as loopback", () => {
    const rules = ruleset({ own, allow: ["0.0.0.0/0", "::/0"] });
    assert.ok(verdict(rules, "0.0.0.0", 9090));
    assert.ok(verdict(rules, "::", 9090));
  });

  test("are read at each judgement, because their ports are known late", () => {
    const listeners: SocketAddr[] = [];
    const rules = new Ruleset({ allow: [], ownListeners: () => listeners, localAddrs: () => LOCAL });
    assert.equal(verdict(rules, "192.0.2.1", 40_000), undefined);
    listeners.push({ host: "192.0.2.1", port: 40_000 });
    assert.ok(verdict(rules, "192.0.2.1", 40_000));
  });
});

test("The ruleset judges the addresses of a name, not the name", () => {
  assert.throws(() => ruleset().judgeFor(asker).address({ type: 3, host: "localhost", port: 80 }), TypeError);
});
