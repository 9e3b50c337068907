import assert from "node:assert/strict";
import { test } from "node:test";
import { hopText, parseHop, parseHops } from "../../../src/sockslib/chain/hop.ts";

test("parseHop() accepts the zone of a link-local address, plain or escaped as in RFC 6874", () => {
  for (const text of ["socks5://[fe80::1%eth0]:1081", "socks5://[FE80::1%25eth0]:1081"]) {
    const hop = parseHop(text);
    assert.deepEqual(hop.address, { type: 4, host: "fe80::1", port: 1081 });
    assert.equal(hop.zone, "eth0");
    assert.equal(hopText(hop), "socks5://[fe80::1%eth0]:1081");
  }
});

test("parseHop() refuses a zone on other addresses and names", () => {
  for (const host of ["[2001:db8::1%eth0]", "192.0.2.1%eth0", "gateway.example%eth0", "[fe80::1%]"]) {
    assert.throws(() => parseHop(`socks5://${host}:1080`), SyntaxError);
  }
});

test("parseHops() accepts a zone on the first gateway only: other gateways have other interfaces", () => {
  const [near, far] = ["socks5://[fe80::1%eth0]", "socks5://192.0.2.1"] as const;
  assert.equal(parseHops([near, far])[0]!.zone, "eth0");
  assert.throws(() => parseHops([far, near]), /gateway 2: it has a zone, which the gateway before it does not know/);
});

test("parseHop() accepts a GSSAPI service and a minimum protection level", () => {
  const hop = parseHop("socks5://gw.test?gssapi=rcmd");
  assert.deepEqual(hop.gssapi, { service: "rcmd", least: "integrity" });
  assert.equal(hopText(hop), "socks5://gw.test:1080?gssapi=rcmd");
  const both = parseHop("socks5s://192.0.2.1?udp=tcp&gssapi=host/gw.test@EXAMPLE.ORG&protection=confidentiality");
  assert.deepEqual([both.udpInTcp, both.gssapi], [true, {
    service: "host/gw.test@EXAMPLE.ORG",
    least: "confidentiality",
  }]);
  const told = parseHop("socks5://gw.test?gssapi=rcmd&proxy-protocol=2&protection=none&udp=tcp");
  assert.deepEqual([told.udpInTcp, told.proxyProtocol, told.gssapi], [true, 2, { service: "rcmd", least: "none" }]);
  assert.equal(hopText(told), "socks5://gw.test:1080?udp=tcp&proxy-protocol=2&gssapi=rcmd");
  for (
    const [url, state] of [
      ["http://gw.test?gssapi=HTTP", /no SOCKS gateway/],
      ["socks5://ann:pw@gw.test?gssapi=rcmd", /both credentials and \?gssapi=/],
      ["socks5://gw.test?gssapi=", /there may be .*, gssapi=SERVICE and/],
      ["socks5://gw.test?gssapi=a&gssapi=b", /there may be .*, gssapi=SERVICE and/],
      ["socks5://gw.test?protection=none", /\?protection=none without \?gssapi=SERVICE/],
      ["socks5://gw.test?gssapi=a&protection=some", /not one of none, integrity, confidentiality/],
    ] as const
  ) assert.throws(() => parseHop(url), state, url);
});

test("parseHop() accepts ?udp=tcp for SOCKS gateways, the PROXY protocol for all, and no other option", () => {
  const hop = parseHop("socks5s://ann:pw@192.0.2.1?udp=tcp");
  assert.equal(hop.udpInTcp, true);
  assert.equal(hopText(hop), "socks5s://192.0.2.1:1080?udp=tcp");
  assert.equal(parseHop("socks5://192.0.2.1/").udpInTcp, undefined);
  assert.throws(() => parseHop("http://192.0.2.1?udp=tcp"), /has \?udp=tcp, and is no SOCKS gateway/);
  assert.throws(
    () => parseHop("socks5://192.0.2.1?udp=udp"),
    /has '\?udp=udp' behind it \(there may be udp=tcp, proxy-protocol=1\|2, gssapi=SERVICE and protection=LEVEL\)/,
  );
  for (
    const [query, rest] of [["?proxy-protocol=1"], ["?proxy-protocol=2&udp=tcp", "?udp=tcp&proxy-protocol=2"]] as const
  ) {
    const both = parseHop(`socks5://192.0.2.1${query}`);
    assert.equal(both.proxyProtocol, Number(/=([12])/.exec(query)![1]));
    assert.equal(hopText(both), `socks5://192.0.2.1:1080${rest ?? query}`);
  }
  assert.equal(parseHop("https://192.0.2.1?proxy-protocol=2").proxyProtocol, 2);
  for (
    const query of ["", "proxy-protocol=3", "proxy-protocol", "udp=tcp&udp=tcp", "proxy-protocol=1&proxy-protocol=2"]
  ) {
    assert.throws(() => parseHop(`socks5://192.0.2.1?${query}`), /behind it/);
  }
  assert.throws(
    () => parseHops(["socks5://192.0.2.1?udp=tcp", "socks5://192.0.2.2"]),
    /gateway 1: it has \?udp=tcp, which is for the last/,
  );
});
