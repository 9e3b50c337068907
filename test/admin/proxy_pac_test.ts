import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { adminApp } from "../../src/admin/app.ts";
import { proxyPac, type ProxyWays } from "../../src/admin/proxy_pac.ts";
import { adminSource } from "../support/memory/admin_source.ts";

const both = { addr: { host: "::", port: 1080 }, tls: false, only: undefined };
const socks = { addr: { host: "192.0.2.1", port: 1 }, tls: false, only: "socks" } as const;
const http = { addr: { host: "2001:db8::1", port: 2 }, tls: false, only: "http" } as const;
const overTls = { addr: { host: "0.0.0.0", port: 3 }, tls: true, only: undefined };

/** What a browser does with the file. */
function found(ways: ProxyWays, host: string): string {
  const browser = {
    isPlainHostName: (name: string) => !name.includes("."),
    dnsDomainIs: (name: string, domain: string) => name.endsWith(domain),
  };
  return runInNewContext(
    `${proxyPac(ways, "gw.test")}; FindProxyForURL("", ${JSON.stringify(host)})`,
    browser,
  ) as string;
}

test("/proxy.pac lists the usable listeners under the host name of the request", () => {
  const ways = (all: ProxyWays["ways"], asksForPasswords = false) => found({ ways: all, asksForPasswords }, "a.test");
  assert.equal(ways([both]), "PROXY gw.test:1080; SOCKS5 gw.test:1080");
  assert.equal(ways([socks, http]), "SOCKS5 192.0.2.1:1; PROXY [2001:db8::1]:2");
  assert.equal(ways([overTls]), "HTTPS gw.test:3");
  assert.equal(ways([both, socks], true), "PROXY gw.test:1080", "no browser has a password for SOCKS");
  assert.equal(ways([]), "DIRECT");
});

test("/proxy.pac sends this host and link-local names directly, and the rest through the gateway", () => {
  const ways = { ways: [http], asksForPasswords: false };
  for (
    const host of ["localhost", "printer", "a.localhost", "tv.local", "127.1.2.3", "169.254.1.1", "[::1]", "fe80::1"]
  ) {
    assert.equal(found(ways, host), "DIRECT", host);
  }
  for (
    const host of [
      "example.org",
      "10.0.0.1",
      "2001:db8::2",
      "1270.test",
      "feature.test",
      "feb.test",
      "127.0.0.test",
      "169.254.test",
    ]
  ) {
    assert.equal(found(ways, host), "PROXY [2001:db8::1]:2", host);
  }
});

test("/proxy.pac needs no token: a browser cannot authenticate there", async () => {
  const source = adminSource({ proxyWays: () => ({ ways: [both], asksForPasswords: false }) });
  const response = await adminApp(source, { exposed: true, token: "x" }).request(
    "http://[2001:db8::9]:10846/proxy.pac",
  );
  assert.equal(response.headers.get("Content-Type"), "application/x-ns-proxy-autoconfig");
  assert.match(await response.text(), /"PROXY \[2001:db8::9\]:1080; SOCKS5 \[2001:db8::9\]:1080"/);
  for (const url of ["http://a;direct/proxy.pac", 'http://a"b/proxy.pac', "http://a,b/proxy.pac"]) {
    const strange = await adminApp(source, { exposed: true, token: "x" }).request(url);
    assert.equal(strange.status, 400, "of a Host that says more than a name");
  }
  const starting = await adminApp(adminSource(), { exposed: false }).request("/proxy.pac");
  assert.equal(starting.status, 503);
});
