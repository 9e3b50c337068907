import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dnsAlone, ownServer } from "../../../src/cli/run/name_covers.ts";

describe("the resolver files of a program under gate46 run", () => {
  test("nsswitch.conf: hosts uses only files and dns, and other lines stay", () => {
    for (
      const line of ["hosts: files mdns4_minimal [NOTFOUND=return] dns", "hosts: files resolve dns", "  hosts: dns nis"]
    ) {
      const text = `passwd: files\n${line}\nnetworks: files\n`;
      assert.equal(dnsAlone(text), "passwd: files\nhosts: files dns\nnetworks: files\n", line);
    }
    for (const line of ["hosts: files dns", "hosts:\tdns # alone", "networks: files"]) {
      assert.equal(dnsAlone(`passwd: files\n${line}\n`), undefined, line);
    }
  });

  test("resolv.conf: no search domains with other gateways, because every name seems to exist", () => {
    const text = "nameserver 192.0.2.53\nsearch corp.test lab.test\noptions ndots:2\n";
    assert.equal(ownServer(text, true, "host"), "nameserver 10.46.46.46\nsearch .\noptions ndots:2\n");
    assert.equal(ownServer(text, false, "host"), undefined, "here names are looked for");
    assert.equal(ownServer("domain a.test\n", true, "host"), "nameserver 10.46.46.46\nsearch .\n");
    assert.equal(ownServer("nameserver ::1\n", true, "host.corp.test"), "nameserver 10.46.46.46\nsearch .\n");
    for (const text of ["", "nameserver 192.0.2.53\n", "search a.test\nsearch .\n"]) {
      assert.equal(ownServer(text, true, "host"), undefined, text);
    }
  });

  test("resolv.conf: no server with the zone of a missing interface", () => {
    const text = "nameserver 2001:db8::53\nnameserver fe80::1%eth0\nsearch corp.test\n";
    assert.equal(ownServer(text, false, "host"), "nameserver 10.46.46.46\nsearch corp.test\n");
  });
});
