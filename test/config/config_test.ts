import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { parseListen } from "../../src/config/values/listen.ts";
import type { RawOptions } from "../../src/config/source.ts";
import { defaultSettings } from "../../src/gateway/settings.ts";

/** What a person gets to read, or undefined where all is well. */
function complaint(raw: RawOptions): string | undefined {
  try {
    parseConfig(raw);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
}

describe("parseConfig() complains in one line that names the flag", () => {
  const PATH = "is not a path (write unix:/run/gate46/socks.sock or unix:@name)";
  const ADDRESS = "is not an address (write 127.0.0.1:1080, [::1]:1080 or :1080)";
  const TIME = "is not a time (write 10s, 500ms, 5m or 1h)";
  const OPEN = "it would be an open relay; add --user, --users-file or --from, or give --open";
  const INTERFACE = "say on which interface (write [fe80::1%eth0])";
  const DNS = "is not a DNS server address (write 192.0.2.53, [2001:db8::53]:5353, tcp://192.0.2.53, " +
    "tls://192.0.2.53#dns.example or https://dns.example/dns-query)";
  const HOST = "is not a host entry (write db.example=192.0.2.7,2001:db8::7)";
  const NAT64 = "is not a NAT64 prefix: IPv6, of 32, 40, 48, 56, 64 or 96 bits, bits 64 to 71 zero";
  const long = "x".repeat(256);
  const rows: readonly (readonly [RawOptions, string])[] = [
    [{ listen: ["nonsense"] }, `Cannot parse --listen: 'nonsense' ${ADDRESS}`],
    [{ listen: [""] }, `Cannot parse --listen: '' ${ADDRESS}`],
    [{ listen: ["[]:1080"] }, `Cannot parse --listen: '[]:1080' ${ADDRESS}`],
    [{ listen: ["[]"] }, `Cannot parse --listen: '[]' ${ADDRESS}`],
    [{ listen: ["[*]:1080"] }, `Cannot parse --listen: '[*]:1080' ${ADDRESS}`],
    [{ listen: [":"] }, `Cannot parse --listen: ':' ${ADDRESS}`],
    [{ listen: ["127.0.0.1:"] }, `Cannot parse --listen: '127.0.0.1:' ${ADDRESS}`],
    [{ listen: ["127.0.0.1:http"] }, `Cannot parse --listen: '127.0.0.1:http' ${ADDRESS}`],
    [{ listen: ["127.0.0.1:-1"] }, `Cannot parse --listen: '127.0.0.1:-1' ${ADDRESS}`],
    [{ listen: ["example.org:1080"] }, `Cannot parse --listen: 'example.org:1080' ${ADDRESS}`],
    [{ listen: ["0177.0.0.1:1080"] }, `Cannot parse --listen: '0177.0.0.1:1080' ${ADDRESS}`],
    [{ listen: ["127.1:1080"] }, `Cannot parse --listen: '127.1:1080' ${ADDRESS}`],
    [{ listen: ["127.0.0.256"] }, `Cannot parse --listen: '127.0.0.256' ${ADDRESS}`],
    [{ listen: ["2001:db8::1%eth0"] }, `Cannot parse --listen: '2001:db8::1%eth0' ${ADDRESS}`],
    [{ listen: ["192.0.2.1%eth0"] }, `Cannot parse --listen: '192.0.2.1%eth0' ${ADDRESS}`],
    [{ listen: ["[fe80::1%]:1080"] }, `Cannot parse --listen: '[fe80::1%]:1080' ${ADDRESS}`],
    [{ listen: ["[fe80::1%a%b]:1080"] }, `Cannot parse --listen: '[fe80::1%a%b]:1080' ${ADDRESS}`],
    [{ listen: ["[fe80::1]:1080"] }, `Cannot parse --listen: '[fe80::1]:1080' is link-local: ${INTERFACE}`],
    [{ dns: ["fe80::1"] }, `Cannot parse --dns: 'fe80::1' is link-local: ${INTERFACE}`],
    [{ dns: ["2001:db8::1%eth0"] }, `Cannot parse --dns: '2001:db8::1%eth0' ${DNS}`],
    [
      { admin: "[fe80::1%eth0]:9090" },
      "Cannot parse --admin: '[fe80::1%eth0]:9090' cannot be: no HTTP server here takes a zone",
    ],
    [{ listen: ["::1", "x"] }, `Cannot parse --listen[1]: 'x' ${ADDRESS}`],
    [{ listen: [":65536"] }, "Cannot parse --listen: ':65536' has a port above 65535"],
    [{ listen: ["[::1]:99999"] }, "Cannot parse --listen: '[::1]:99999' has a port above 65535"],
    [
      { listen: ["1080"] },
      "Cannot parse --listen: '1080' is not an address; for port 1080 on every address write ':1080'",
    ],
    [{ listen: [":1080"] }, `Cannot listen on [::]:1080: ${OPEN}`],
    [{ proxyProtocolFrom: ["127.0.0.1"] }, `Cannot take clients of a proxy: ${OPEN}`],
    [
      { proxyProtocolFrom: ["haproxy"], open: true },
      "Cannot parse --proxy-protocol-from: 'haproxy' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    [{ listen: ["0.0.0.0"] }, `Cannot listen on 0.0.0.0:1080: ${OPEN}`],
    [{ listen: ["127.0.0.1", "192.0.2.1:1080"] }, `Cannot listen on 192.0.2.1:1080: ${OPEN}`],
    [{ listen: ["::ffff:192.0.2.1"] }, `Cannot listen on 192.0.2.1:1080: ${OPEN}`],
    [{ user: ["alice"] }, "Cannot parse --user: not NAME:PASSWORD"],
    [{ user: ["alice:"] }, "Cannot parse --user: not NAME:PASSWORD"],
    [{ user: [":secret"] }, "Cannot parse --user: not NAME:PASSWORD"],
    [{ user: ["alice:secret", "hunter2"] }, "Cannot parse --user[1]: not NAME:PASSWORD"],
    [{ user: ["alice:sec\0ret"] }, "Cannot parse --user: there is an octet 0 in the password"],
    [{ user: ["\ufeffalice:secret"] }, "Cannot parse --user: the name begins with a byte order mark"],
    [{ user: [`${long}:secret`] }, "Cannot parse --user: the name is longer than 255 octets"],
    [{ user: [`alice:${long}`] }, "Cannot parse --user: the password is longer than 255 octets"],
    [{ user: [`alice:${"ü".repeat(128)}`] }, "Cannot parse --user: the password is longer than 255 octets"],
    [
      { from: ["10.0.0.0/33"] },
      "Cannot parse --from: '10.0.0.0/33' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    ...[["10.0.0.1/8", "10.0.0.0/8"], ["192.168.255.129/25", "192.168.255.128/25"], ["10.1.2.3/0", "0.0.0.0/0"], [
      "2001:db8:1::1/33",
      "2001:db8::/33",
    ], ["::ffff:10.0.0.1/104", "10.0.0.0/8"]].map(([text, meant]): readonly [RawOptions, string] => [
      { from: [text!] },
      `Cannot parse --from: '${text}' is not a prefix: it has bits behind its length (did you mean ${meant}?)`,
    ]),
    [{ interface: "../../etc" }, "Cannot parse --interface: '../../etc' is not an interface name (write eth0)"],
    [
      { interface: "0123456789abcdef" },
      "Cannot parse --interface: '0123456789abcdef' is not an interface name (write eth0)",
    ],
    [
      { from: ["10.0.0.0/8", "localhost"] },
      "Cannot parse --from[1]: 'localhost' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    [
      { from: ["2001:db8::/129"] },
      "Cannot parse --from: '2001:db8::/129' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    [{ from: [""] }, "Cannot parse --from: '' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)"],
    [
      { allow: ["127.0.0.0/"] },
      "Cannot parse --allow: '127.0.0.0/' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    [{ allow: ["10/8"] }, "Cannot parse --allow: '10/8' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)"],
    [{ admin: "nowhere" }, `Cannot parse --admin: 'nowhere' ${ADDRESS}`],
    [{ admin: "127.0.0.1:70000" }, "Cannot parse --admin: '127.0.0.1:70000' has a port above 65535"],
    [{ admin: "systemd" }, "Cannot parse --admin: 'systemd' cannot be: no HTTP server here takes sockets of systemd"],
    [{ listen: ["unix:run/s.sock"] }, `Cannot parse --listen: 'unix:run/s.sock' ${PATH}`],
    [{ listen: ["unix:"] }, `Cannot parse --listen: 'unix:' ${PATH}`],
    [{ listen: ["unix:@"] }, `Cannot parse --listen: 'unix:@' ${PATH}`],
    [{ listen: ["unix:/run/"] }, `Cannot parse --listen: 'unix:/run/' ${PATH}`],
    [
      { listen: [`unix:/${"ü".repeat(50)}`] },
      `Cannot parse --listen: 'unix:/${"ü".repeat(50)}' has 101 octets of path, more than 100`,
    ],
    [{ unixMode: "rw" }, "Cannot parse --unix-mode: 'rw' is not a mode (write 0600 or 0660)"],
    [{ unixMode: "0888" }, "Cannot parse --unix-mode: '0888' is not a mode (write 0600 or 0660)"],
    [
      { proxyProtocolFrom: ["unix:/x"] },
      "Cannot parse --proxy-protocol-from: 'unix:/x' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    [
      { proxyProtocolFrom: ["unix"] },
      "Cannot take clients of a proxy: it would be an open relay; add --user, --users-file or --from, or give --open",
    ],
    [
      { listen: ["unix:/run/s", "127.0.0.1:1080"], authExempt: ["fe80::/200"], user: ["ann:pw"] },
      "Cannot parse --auth-exempt: 'fe80::/200' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)",
    ],
    ...["0.0.0.0", "::"].map((text): readonly [RawOptions, string] => [
      { announce: [text] },
      `Cannot parse --announce: '${text}' is not an address that clients can reach (write the address of this host)`,
    ]),
    [{ announce: ["gate.example"] }, "Cannot parse --announce: 'gate.example' is not an address"],
    [{ announce: ["192.0.2.1:1080"] }, "Cannot parse --announce: '192.0.2.1:1080' is not an address"],
    [{ announce: ["192.0.2.1", "192.0.2.2"] }, "Cannot parse --announce[1]: a second address of its family"],
    [{ ports: "40000" }, "Cannot parse --ports: '40000' is not a range (write 40000-40999)"],
    [{ ports: "0-10" }, "Cannot parse --ports: '0-10' is not a range (write 40000-40999)"],
    [{ ports: "20-10" }, "Cannot parse --ports: '20-10' is not a range (write 40000-40999)"],
    [{ ports: "40000-65536" }, "Cannot parse --ports: '40000-65536' is not a range (write 40000-40999)"],
    [{ ports: "a-b" }, "Cannot parse --ports: 'a-b' is not a range (write 40000-40999)"],
    [{ dialTimeout: "soon" }, `Cannot parse --dial-timeout: 'soon' ${TIME}`],
    [{ dialTimeout: "" }, `Cannot parse --dial-timeout: '' ${TIME}`],
    [{ handshakeTimeout: "-1s" }, `Cannot parse --handshake-timeout: '-1s' ${TIME}`],
    [{ bindTimeout: "1d" }, `Cannot parse --bind-timeout: '1d' ${TIME}`],
    [{ idleTimeout: "10 s" }, `Cannot parse --idle-timeout: '10 s' ${TIME}`],
    [{ idleTimeout: "600h" }, `Cannot parse --idle-timeout: '600h' is too long (at most 596h)`],
    [{ idleTimeout: "0" }, "Cannot parse --idle-timeout: '0' is too short"],
    [{ udpIdleTimeout: "0s" }, "Cannot parse --udp-idle-timeout: '0s' is too short"],
    [{ handshakeTimeout: "0.5ms" }, "Cannot parse --handshake-timeout: '0.5ms' is too short"],
    [{ drain: "never" }, `Cannot parse --drain: 'never' ${TIME}`],
    [{ maxSessions: "0" }, "Cannot parse --max-sessions: '0' is not a whole number from 1 to 999999999"],
    [
      { maxSessions: "1000000000" },
      "Cannot parse --max-sessions: '1000000000' is not a whole number from 1 to 999999999",
    ],
    [
      { listen: [":10846"], from: ["192.0.2.0/24"] },
      "Cannot listen on [::]:10846: --admin has 127.0.0.1:10846; choose another port, or --admin off",
    ],
    [
      { listen: ["127.0.0.1:46"], admin: "127.0.0.1:46" },
      "Cannot listen on 127.0.0.1:46: --admin has 127.0.0.1:46; choose another port, or --admin off",
    ],
    [{ workers: "257" }, "Cannot parse --workers: '257' is not a whole number from 1 to 256"],
    [{ mark: "4294967296" }, "Cannot parse --mark: '4294967296' is not a whole number from 1 to 4294967295"],
    [
      { listen: ["127.0.0.1:1080?mark=x"] },
      "Cannot parse --listen: mark: 'x' is not a whole number from 1 to 4294967295",
    ],
    [{ idleTimeout: "999999999h" }, "Cannot parse --idle-timeout: '999999999h' is too long (at most 596h)"],
    [{ maxSessions: "1e3" }, "Cannot parse --max-sessions: '1e3' is not a whole number from 1 to 999999999"],
    [{ maxSessions: "-5" }, "Cannot parse --max-sessions: '-5' is not a whole number from 1 to 999999999"],
    [
      { udpFilter: "open" },
      "Cannot parse --udp-filter: 'open' is not one of endpoint-independent, address-dependent, address-and-port-dependent",
    ],
    [{ logLevel: "loud" }, "Cannot parse --log-level: 'loud' is not one of debug, info, warning, error"],
    [{ dns: ["9.9.9"] }, `Cannot parse --dns: '9.9.9' ${DNS}`],
    [{ dns: ["192.0.2.53", "dns.example"] }, `Cannot parse --dns[1]: 'dns.example' ${DNS}`],
    [{ dns: ["192.0.2.53:0"] }, `Cannot parse --dns: '192.0.2.53:0' ${DNS}`],
    [{ dns: ["quic://192.0.2.53"] }, `Cannot parse --dns: 'quic://192.0.2.53' ${DNS}`],
    [{ dns: ["tls://dns.example"] }, `Cannot parse --dns: 'tls://dns.example' ${DNS}`],
    [{ dns: ["tls://192.0.2.53#a b"] }, `Cannot parse --dns: 'tls://192.0.2.53#a b' ${DNS}`],
    [
      { dns: ["https://u:hunter2@x/"] },
      `Cannot parse --dns: 'https://u:***@x/' ${DNS.replace("a DNS server address", "the URL of a DNS server")}`,
    ],
    [{ host: ["db.example"] }, `Cannot parse --host: 'db.example' ${HOST}`],
    [{ host: ["db.example="] }, `Cannot parse --host: 'db.example=' ${HOST}`],
    [{ host: ["192.0.2.1=192.0.2.7"] }, `Cannot parse --host: '192.0.2.1=192.0.2.7' ${HOST}`],
    [{ host: ["a=192.0.2.7,x"] }, "Cannot parse --host: 'x' in 'a=192.0.2.7,x' is not an address"],
    [{ prefer: "ipv5" }, "Cannot parse --prefer: 'ipv5' is not one of ipv4, ipv6"],
    [{ default: "refuse" }, "Cannot parse --default: 'refuse' is not one of allow, deny"],
    [
      { default: "deny", via: ["socks5://192.0.2.1"] },
      "Cannot use both --via and --default deny: write allow rules with via",
    ],
    [{ prefer: "ipv4", only: "ipv6" }, "Cannot use both --prefer and --only: give one of them"],
    [{ dnsCa: "ca.pem", dns: ["192.0.2.53"] }, "Cannot use --dns-ca: no --dns is tls:// or https://"],
    [
      { listen: ["ftp://[::1]:1"] },
      "Cannot parse --listen: 'ftp://[::1]:1' is of the scheme 'ftp:', which is not one of socks5, socks5s, http, https, tls, " +
      "sni, host, transparent",
    ],
    [
      { listen: ["transparent://:1081"], user: ["ann:secret"] },
      "Cannot listen on transparent://[::]:1081: nobody is asked for a password there; add --from, or say --open",
    ],
    [
      { listen: ["transparent://[::1]:1081"], installRules: true },
      "Cannot use --install-rules: it needs --listen transparent://:PORT, on every address",
    ],
    [
      { listen: ["transparent://unix:/run/x.sock"] },
      "Cannot parse --listen: 'transparent://unix:/run/x.sock' cannot be: routes lead to an address and a port (write " +
      "transparent://:1081)",
    ],
    [
      { fakeDns: ["unix:/run/x.sock"] },
      "Cannot parse --fake-dns: 'unix:/run/x.sock' is nowhere to serve DNS (write 192.168.1.1, :53 or [2001:db8::1]:53)",
    ],
    [{ fakeIpv4: "fd00::/64" }, "Cannot parse --fake-ipv4: 'fd00::/64' is not an IPv4 prefix"],
    [{ fakeIpv6: "fd00::/126" }, "Cannot parse --fake-ipv6: 'fd00::/126' has too few addresses"],
    [
      { listen: ["socks5s://[::1]:1"] },
      "Cannot listen for TLS (socks5s://, https://, tls://): it needs --tls-cert and --tls-key",
    ],
    [
      { listen: ["socks5s://[::1]:1"], tlsCert: "c" },
      "Cannot listen for TLS (socks5s://, https://, tls://): it needs --tls-cert and --tls-key",
    ],
    [
      { tlsCert: "c", tlsKey: "k" },
      "Cannot use --tls-cert, --tls-key or --tls-client-ca: no --listen is socks5s://, https:// or tls://",
    ],
    [
      { tlsClientCa: "c" },
      "Cannot use --tls-cert, --tls-key or --tls-client-ca: no --listen is socks5s://, https:// or tls://",
    ],
    [
      { listen: ["socks5s://[::1]:1", "[::1]:1"], tlsCert: "c", tlsKey: "k" },
      "Cannot listen on [::1]:1: it is given twice, for different protocols",
    ],
    [
      { listen: ["http://unix:/run/x", "unix:/run/x"] },
      "Cannot listen on unix:/run/x: it is given twice, for different protocols",
    ],
    [
      { listen: ["socks5s://:1", "0.0.0.0:1"], tlsCert: "c", tlsKey: "k", open: true },
      "Cannot listen on [::]:1: it is given twice, for different protocols",
    ],
    [
      { listen: ["socks5s://:1"], tlsCert: "c", tlsKey: "k" },
      "Cannot listen on [::]:1: it would be an open relay; add --user, --users-file or --from, or give --open",
    ],
    [
      { viaCa: "c", via: ["socks5://192.0.2.1"] },
      "Cannot use --via-ca, --via-cert or --via-key: no gateway is socks5s:// or https://",
    ],
    [
      { viaCert: "c", via: ["socks5s://192.0.2.1"] },
      "Cannot use one of --via-cert and --via-key without the other",
    ],
    [
      { listen: ["sni://[::1]:443"], via: ["socks5://192.0.2.1"] },
      "Cannot listen on sni:// or host://: add an allow rule with names for their destinations",
    ],
    [
      { listen: ["host://[::1]:80"] },
      "Cannot listen on sni:// or host://: add an allow rule with names for their destinations",
    ],
    ...["sni://:1?port=0", "sni://:1?port=65536", "sni://:1?port=", "http://:1?port=2"].map((
      text,
    ): readonly [RawOptions, string] => [
      { listen: [text] },
      `Cannot parse --listen: '${text}' ends in what is not understood (only sni://ADDR and host://ADDR may have ?port=N)`,
    ]),
    [
      { listen: ["host://:1?path=2"] },
      "Cannot parse --listen: 'path' is not one of outgoing, outgoing-per, interface and mark",
    ],
    [
      { listen: ["http://[::1]:1", "socks5://[::1]:1"] },
      "Cannot listen on [::1]:1: it is given twice, for different protocols",
    ],
    ...[
      ["[::1]:1", "is not a valid forward (write [::]:2222=server.example:22)"],
      ["[::1]:1=x:2?via=y", "has 'via=y' behind it (there may be proxy-protocol=1|2 and idle-timeout=TIME)"],
      [
        "[::1]:1=x:2?idle-timeout=1s&idle-timeout=2s",
        "has 'idle-timeout=2s' behind it (there may be proxy-protocol=1|2 and idle-timeout=TIME)",
      ],
    ].map(([text, state]): readonly [RawOptions, string] => [
      { forward: [text!] },
      `Cannot parse --forward: '${text}' ${state}`,
    ]),
    [
      { forward: ["[::1]:1=x:2?proxy-protocol=3"] },
      "Cannot parse --forward: '3' is not a PROXY protocol version (write 1 or 2)",
    ],
    [
      { forward: ["[::1]:1=x"] },
      "Cannot parse --forward: 'x' is not a destination (write example.org:443 or [2001:db8::1]:443)",
    ],
    ...["[::1]", "2222", "http://[::1]:1", "udp://[::1]", "udp://unix:/x:1", "udp://http://[::1]:1"].map((
      text,
    ): readonly [RawOptions, string] => [
      { forward: [`${text}=x:1`] },
      `Cannot parse --forward: '${text}' is not an address to forward from (write [::]:2222, :2222, udp://:5353 or unix:/run/x.sock)`,
    ]),
    [
      { forward: ["[::1]:1=x:1", "[::1]:1=x:2"] },
      "Cannot listen on [::1]:1: it is given twice, for different protocols",
    ],
    [
      { listen: ["[::1]:1"], forward: ["[::1]:1=x:1"] },
      "Cannot listen on [::1]:1: it is given twice, for different protocols",
    ],
    [
      { forward: ["udp://:1=x:2?proxy-protocol=2"] },
      "Cannot parse --forward: 'udp://:1=x:2?proxy-protocol=2' cannot be: the PROXY protocol is for connections, not for udp://",
    ],
    [{ admin: "socks5s://127.0.0.1:1" }, `Cannot parse --admin: 'socks5s://127.0.0.1:1' ${ADDRESS}`],
    [{ outgoing: ["192.0.2.1", "192.0.2.2"] }, "Cannot parse --outgoing[1]: a second address of its family"],
    [
      { outgoing: "2001:db8::1/64" },
      "Cannot parse --outgoing: '2001:db8::1/64' is not a prefix: it has bits behind its length (did you mean 2001:db8::/64?)",
    ],
    [{ outgoingPer: "day" }, "Cannot parse --outgoing-per: 'day' is not one of session, user, client"],
    [{ listen: [":1?outgoing=x"] }, "Cannot parse --listen: outgoing: 'x' is not an address"],
    [
      { listen: [":1?outgoing=192.0.2.1&outgoing=192.0.2.2"] },
      "Cannot parse --listen: '192.0.2.2' is a second address of its family",
    ],
    [{ listen: [":1?outgoing-per=user"] }, "Cannot parse --listen: outgoing-per needs outgoing"],
    [
      { listen: [":1?mark=1", "0.0.0.0:1"], open: true },
      "Cannot listen on [::]:1: its clients are to leave by two ways",
    ],
    [{ listen: [":1?via=x"] }, "Cannot parse --listen: 'via' is not one of outgoing, outgoing-per, interface and mark"],
    [{ nat64: "auto4" }, "Cannot parse --nat64: 'auto4' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)"],
    [{ nat64: "192.0.2.0/24" }, `Cannot parse --nat64: '192.0.2.0/24' ${NAT64}`],
    [{ nat64: "2001:db8::/63" }, `Cannot parse --nat64: '2001:db8::/63' ${NAT64}`],
    [{ nat64: "2001:db8:0:0:100::/96" }, `Cannot parse --nat64: '2001:db8:0:0:100::/96' ${NAT64}`],
    [{ logSample: "0" }, "Cannot parse --log-sample: '0' is not a whole number from 1 to 999999999"],
    [{ logFormat: "xml" }, "Cannot parse --log-format: 'xml' is not one of auto, text, json, syslog"],
  ];
  for (const [raw, message] of rows) {
    test(JSON.stringify(raw).slice(0, 60), () => {
      assert.equal(complaint(raw), message);
      assert.ok(!message.includes("\n"));
    });
  }

  test("and never shows a password", () => {
    for (const user of [["hunter2"], [":hunter2"], ["a:b", "hunter2"], [`hunter2${"x".repeat(256)}:hunter2`]]) {
      assert.ok(!complaint({ user })!.includes("hunter2"));
    }
  });
});

describe("parseListen() accepts every common form", () => {
  const rows: readonly (readonly [string, readonly (readonly [string, number])[]])[] = [
    ["127.0.0.1:1080", [["127.0.0.1", 1080]]],
    ["127.0.0.1", [["127.0.0.1", 1080]]],
    ["127.0.0.1:0", [["127.0.0.1", 0]]],
    ["0.0.0.0:1080", [["0.0.0.0", 1080]]],
    ["[::1]:1081", [["::1", 1081]]],
    ["[::1]", [["::1", 1080]]],
    ["::1", [["::1", 1080]]],
    ["[::]:1080", [["::", 1080]]],
    ["::", [["::", 1080]]],
    ["[2001:DB8:0::1]:65535", [["2001:db8::1", 65_535]]],
    ["[::ffff:192.0.2.1]:1080", [["192.0.2.1", 1080]]],
    [":1080", [["::", 1080]]],
    ["*:1080", [["::", 1080]]],
    ["*", [["::", 1080]]],
    ["localhost:1080", [["127.0.0.1", 1080], ["::1", 1080]]],
    ["localhost", [["127.0.0.1", 1080], ["::1", 1080]]],
  ];
  for (const [text, addrs] of rows) {
    test(text, () => {
      assert.deepEqual(parseListen(text).map(({ addr }) => [addr.host, addr.port]), addrs);
    });
  }

  test("and falls back to IPv4 only if the address names no family", () => {
    const [everywhere] = parseListen(":1080");
    assert.deepEqual(everywhere!.otherwise, { host: "0.0.0.0", port: 1080 });
    assert.equal(everywhere!.optional, false);
    const [six] = parseListen("[::]:1080");
    assert.equal(six!.otherwise, undefined);
    assert.deepEqual(parseListen("localhost").map(({ optional }) => optional), [false, true]);
  });
});

describe("parseConfig()", () => {
  test("without flags listens on loopback, with the admin endpoint and all defaults", () => {
    const config = parseConfig({});
    assert.deepEqual(config.listen.map(({ addr }) => addr), [{ host: "127.0.0.1", port: 1080 }, {
      host: "::1",
      port: 1080,
    }]);
    assert.deepEqual(config.admin, { host: "127.0.0.1", port: 10846 });
    assert.deepEqual(config.gateway, defaultSettings);
    assert.deepEqual([config.logLevel, config.logFormat, config.drainMs], ["info", "auto", 30_000]);
    assert.deepEqual([config.users, config.usersFile, config.allow], [[], undefined, []]);
  });

  for (
    const raw of [
      { user: ["alice:secret"] },
      { usersFile: "users" },
      { from: ["192.0.2.0/24"] },
      { open: true },
    ]
  ) {
    test(`allows listeners beyond loopback with ${Object.keys(raw)}`, () => {
      assert.equal(complaint({ ...raw, listen: [":1080"] }), undefined);
    });
  }

  test("accepts the zone of a link-local address, by name or number", () => {
    const { listen, dns } = parseConfig({
      listen: ["fe80::1%eth0", "socks5://[FE80::2%br-lan.7]:1", "[fe80::3%25]:2", "[fe80::4%25eth0]:3"],
      from: ["fe80::/10"],
      dns: ["fe80::53%wg0", "tcp://[fe80::53%2]:5353", "tls://[fe80::53%eth0]#dns.example"],
    });
    assert.deepEqual(listen.map(({ addr }) => addr), [
      { host: "fe80::1", port: 1080, zone: "eth0" },
      { host: "fe80::2", port: 1, zone: "br-lan.7" },
      { host: "fe80::3", port: 2, zone: "25" },
      { host: "fe80::4", port: 3, zone: "eth0" },
    ]);
    assert.deepEqual(dns.map((server) => "addr" in server && server.addr), [
      { host: "fe80::53", port: 53, zone: "wg0" },
      { host: "fe80::53", port: 5353, zone: "2" },
      { host: "fe80::53", port: 853, zone: "eth0" },
    ]);
  });

  test("adds a listener and a rule for each forward, after the configured rules", () => {
    const { listen, rules } = parseConfig({
      listen: ["[::1]:1080"],
      forward: [":2222=server.example:22?proxy-protocol=2&idle-timeout=1h", "unix:/run/x.sock=[2001:db8::53]:53"],
      via: ["socks5://192.0.2.5"],
    });
    const ssh = { type: 3, host: "server.example", port: 22 }, dns = { type: 4, host: "2001:db8::53", port: 53 };
    assert.deepEqual(listen.slice(1).map(({ addr, only }) => [addr.unix ?? addr.port, only]), [
      [2222, { to: ssh, proxyProtocol: 2, idleMs: 3_600_000 }],
      ["/run/x.sock", { to: dns, proxyProtocol: undefined, idleMs: undefined }],
    ]);
    const via = ["socks5://192.0.2.5"];
    const plain = ({ names, to, ...rest }: (typeof rules)[number]) => ({
      ...rest,
      to: (names?.map(({ text }) => text) ?? to)?.map(String),
    });
    assert.deepEqual(rules.map(plain), [
      {
        name: "forward to server.example:22",
        action: "allow",
        commands: [0x100],
        to: ["server.example"],
        ports: [{ first: 22, last: 22 }],
        via,
      },
      {
        name: "forward to [2001:db8::53]:53",
        action: "allow",
        commands: [0x100],
        to: ["2001:db8::53/128"],
        ports: [{ first: 53, last: 53 }],
        via,
      },
      { name: "--via", action: "allow", to: undefined, via },
    ]);
  });

  test("forwards connections and datagrams of one port to different destinations", () => {
    const { listen } = parseConfig({
      listen: ["[::1]:1080"],
      forward: [":53=a.test:53", "udp://0.0.0.0:53=b.test:53"],
    });
    assert.deepEqual(listen.slice(1).map(({ addr, only }) => [addr.host, typeof only === "object" && "udp" in only]), [
      ["::", false],
      ["0.0.0.0", true],
    ]);
  });

  test("allows every loopback listener without --open", () => {
    assert.equal(complaint({ listen: ["127.9.9.9", "[::1]:1", "localhost:2"] }), undefined);
  });

  test("reads times in every unit", () => {
    const times = ["10", "10s", "500ms", "5m", "1h", "1.5s", "0.25h"];
    const read = times.map((dialTimeout) => parseConfig({ dialTimeout }).gateway.dialMs);
    assert.deepEqual(read, [10_000, 10_000, 500, 300_000, 3_600_000, 1_500, 900_000]);
    assert.equal(parseConfig({ drain: "0" }).drainMs, 0);
  });

  test("maps every flag to its setting (an option that is never read: chisel CVE-2024-43798)", () => {
    const { gateway, ...config } = parseConfig({
      listen: ["socks5s://[::1]:1", "socks5://[::1]:2"],
      tlsCert: "cert",
      tlsKey: "key",
      tlsClientCa: "clients.pem",
      user: ["alice:se:cret"],
      usersFile: "users",
      from: ["10.0.0.0/8", "2001:db8::1"],
      authExempt: ["10.0.0.0/24"],
      proxyProtocolFrom: ["127.0.0.1"],
      allow: ["127.0.0.1"],
      default: "allow",
      admin: "off",
      announce: ["2001:db8::9", "192.0.2.9"],
      ports: "40000-40009",
      udpFilter: "address-dependent",
      handshakeTimeout: "1s",
      dialTimeout: "2s",
      bindTimeout: "3s",
      idleTimeout: "4s",
      udpIdleTimeout: "5s",
      drain: "6s",
      drainDelay: "7s",
      via: ["socks5s://u:p@192.0.2.5", "http://g2.example"],
      viaCa: "via.pem",
      viaCert: "own.pem",
      viaKey: "own.key",
      probeInterval: "9s",
      probeTimeout: "10s",
      maxSessions: "7",
      socks4: true,
      sessionBandwidth: "500k",
      userBandwidth: "1.5M",
      maxSessionsPerClient: "8",
      maxSessionsPerUser: "9",
      maxRate: "10",
      maxUdpDestinations: "11",
      engine: "linux",
      workers: "3",
      busyPoll: "0.5ms",
      mark: "4",
      interface: "eth0",
      freeBind: true,
      tcpUserTimeout: "8s",
      logLevel: "debug",
      logFormat: "json",
      logFile: "log",
      logSessions: "failed",
      logSample: "13",
      logClients: "prefix",
      metricsPerUser: true,
      dns: [
        "192.0.2.53",
        "[2001:db8::53]:5353",
        "tcp://192.0.2.53",
        "tls://[2001:db8::53]#dns.example",
        "https://dns.example/dns-query",
      ],
      dnsCa: "ca.pem",
      host: ["db.example=192.0.2.7,2001:db8::7"],
      prefer: "ipv4",
      outgoing: ["192.0.2.8", "2001:db8::8"],
      nat64: "64:ff9b:1::/96",
      resolveCommands: true,
      fakeDns: ["192.0.2.1", "[::1]:5353"],
      fakeDnsCheck: true,
      fakeDnsExclude: [".example.org"],
      fakeIpv4: "198.18.0.0/16",
      fakeIpv6: "fd00::/64",
      fakeJournal: "names",
      takeOver: "12",
      adminTokenFile: "token",
      watch: true,
      unixMode: "0660",
      authUrl: "https://auth.example/",
      authCache: "5m",
      otlp: "https://otel.example/in",
      otlpInterval: "1m",
      quotaFile: "quotas.json",
      gssapiKeytab: "keytab",
      gssapiService: "rcmd",
      gssapiProtection: "confidentiality",
      gssapiUser: "local",
      gssapiFirst: true,
      gssapiNec: true,
      gssapiReplayCache: "replay",
    });
    const plain = { from: gateway.from!.map(String), proxies: gateway.proxies.map(String) };
    const access = gateway.access.map(({ from, ...rest }) => ({ ...rest, from: from!.map(String) }));
    assert.deepEqual({ ...gateway, ...plain, access }, {
      ...defaultSettings,
      access: [{ name: "--auth-exempt", auth: "none", from: ["10.0.0.0/24"] }],
      from: ["10.0.0.0/8", "2001:db8::1/128"],
      proxies: ["127.0.0.1/32"],
      maxSessions: 7,
      socks4: true,
      sessionBandwidth: 500_000,
      userBandwidth: 1_500_000,
      maxSessionsPerClient: 8,
      maxSessionsPerUser: 9,
      maxRate: 10,
      maxUdpDestinations: 11,
      handshakeMs: 1_000,
      dialMs: 2_000,
      bindMs: 3_000,
      idleMs: 4_000,
      udpIdleMs: 5_000,
      udpFilter: "address-dependent",
      announce: { ipv4: "192.0.2.9", ipv6: "2001:db8::9" },
      outgoing: { ipv4: "192.0.2.8", ipv6: "2001:db8::8" },
      resolveCommands: true,
      gssapiProtection: "confidentiality",
      gssapiUser: "local",
      gssapiFirst: true,
      gssapiNec: true,
      ports: { first: 40_000, last: 40_009 },
    });
    const { fakeIpv4, fakeIpv6, rules: [notFake, ...rules], ...others } = config;
    assert.deepEqual([fakeIpv4, fakeIpv6].map(String), ["198.18.0.0/16", "fd00::/64"]);
    assert.deepEqual(notFake, { name: "fake addresses", action: "deny", to: [fakeIpv4, fakeIpv6] });
    assert.deepEqual({ ...others, rules, allow: config.allow.map(String), nat64: String(config.nat64) }, {
      fakeDns: [[{ host: "192.0.2.1", port: 53 }], [{ host: "::1", port: 5353 }]],
      fakeDnsCheck: true,
      fakeDnsExclude: [{ text: ".example.org", name: "example.org", itself: true, below: true }],
      fakeJournal: "names",
      installRules: false,
      listen: [
        { addr: { host: "::1", port: 1 }, optional: false, only: "socks", tls: true },
        { addr: { host: "::1", port: 2 }, only: "socks", optional: false },
      ],
      tlsCert: "cert",
      tlsKey: "key",
      tlsClientCa: "clients.pem",
      viaCa: "via.pem",
      viaCert: "own.pem",
      viaKey: "own.key",
      users: [{ name: "alice", password: "se:cret" }],
      usersFile: "users",
      authCommand: undefined,
      authUrl: new URL("https://auth.example/"),
      authCache: 300_000,
      otlp: new URL("https://otel.example/in"),
      otlpInterval: 60_000,
      quotaFile: "quotas.json",
      gssapiKeytab: "keytab",
      gssapiService: "rcmd",
      gssapiReplayCache: "replay",
      allow: ["127.0.0.1/32"],
      default: "allow",
      admin: undefined,
      drainMs: 6_000,
      drainDelayMs: 7_000,
      engine: "linux",
      workers: 3,
      busyPoll: 0.5,
      mark: 4,
      interface: "eth0",
      freeBind: true,
      tcpUserTimeout: 8_000,
      logLevel: "debug",
      logFormat: "json",
      logFile: "log",
      logSessions: "failed",
      logSample: 13,
      logClients: "prefix",
      dns: [
        { kind: "udp", addr: { host: "192.0.2.53", port: 53 } },
        { kind: "udp", addr: { host: "2001:db8::53", port: 5353 } },
        { kind: "tcp", addr: { host: "192.0.2.53", port: 53 } },
        { kind: "tls", addr: { host: "2001:db8::53", port: 853 }, serverName: "dns.example" },
        { kind: "https", url: "https://dns.example/dns-query" },
      ],
      dnsCa: "ca.pem",
      takeOver: 12,
      adminTokenFile: "token",
      watch: true,
      unixMode: 0o660,
      metricsPerUser: true,
      mayBeExposed: true,
      host: ["192.0.2.7 db.example\n2001:db8::7 db.example"],
      family: "prefer-ipv4",
      nat64: "64:ff9b:1::/96",
      probeInterval: 9_000,
      probeTimeout: 10_000,
      upstreams: [],
      rules: [{ name: "--via", action: "allow", via: ["socks5s://u:p@192.0.2.5", "http://g2.example"] }],
    });
  });

  test("accepts a unix socket without --open, and gives its clients the address 127.0.0.1", () => {
    const { listen } = parseConfig({ listen: ["unix:/run/s.sock", "unix:@gate46", "systemd", "systemd:socks"] });
    assert.deepEqual(listen.map(({ addr }) => [addr.host, addr.unix]).slice(0, 2), [
      ["127.0.0.1", "/run/s.sock"],
      ["127.0.0.1", "@gate46"],
    ]);
    assert.deepEqual(listen.map(({ systemd }) => systemd).slice(2), ["*", "socks"]);
  });

  test("accepts a transparent listener for connections and datagrams, with --install-rules", () => {
    const { listen, installRules } = parseConfig({
      listen: ["transparent://:1081"],
      from: ["10.0.0.0/8"],
      installRules: true,
    });
    const addr = { host: "::", port: 1081 }, otherwise = { host: "0.0.0.0", port: 1081 };
    assert.deepEqual(listen, [
      { addr, otherwise, optional: false, only: { routed: true } },
      { addr, otherwise, optional: false, only: { routed: true, udp: true } },
    ]);
    assert.equal(installRules, true);
  });

  test("drops 0.0.0.0 if :: has the same port", () => {
    const open = { open: true };
    const hosts = (listen: readonly string[]) => parseConfig({ ...open, listen }).listen.map(({ addr }) => addr.host);
    assert.deepEqual(hosts(["0.0.0.0:1080", "[::]:1080"]), ["::"]);
    assert.deepEqual(hosts(["0.0.0.0:1081", "[::]:1080"]), ["0.0.0.0", "::"]);
    assert.deepEqual(hosts(["0.0.0.0:0", "[::]:0"]), ["0.0.0.0", "::"]);
  });

  test("treats a keytab as authentication, which allows listeners beyond loopback", () => {
    assert.throws(() => parseConfig({ listen: [":1080"] }), /open relay/);
    assert.ok(parseConfig({ listen: [":1080"], gssapiKeytab: "keytab" }).mayBeExposed);
  });

  test("requires a replay cache for --gssapi-nec: NEC's variant does not protect the protection level", () => {
    const nec = { gssapiKeytab: "keytab", gssapiNec: true };
    assert.throws(() => parseConfig(nec), /Cannot use --gssapi-nec: it needs --gssapi-replay-cache/);
    assert.ok(parseConfig({ ...nec, gssapiReplayCache: "replay" }).gateway.gssapiNec);
  });

  test("reads --admin as an address or a port", () => {
    const admin = (text: string) => parseConfig({ admin: text }).admin;
    assert.deepEqual(admin("9191"), { host: "127.0.0.1", port: 9191 });
    assert.deepEqual(admin("[::1]:9191"), { host: "::1", port: 9191 });
    assert.deepEqual(admin("localhost:0"), { host: "127.0.0.1", port: 0 });
    assert.deepEqual(admin("unix:/run/a.sock"), { host: "127.0.0.1", port: 0, unix: "/run/a.sock" });
  });
});
