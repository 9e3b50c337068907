import assert from "node:assert/strict";
import { test } from "node:test";
import { Exclusions } from "../../../src/sockslib/socksify/exclusions.ts";

test("a name excludes itself and its subdomains, in any case, with or without a leading or trailing dot", () => {
  for (const text of ["example.org", ".example.org", "*.example.org", "EXAMPLE.org."]) {
    const exclusions = new Exclusions(text);
    for (const host of ["example.org", "a.example.org", "A.B.Example.ORG", "example.org."]) {
      assert.ok(exclusions.has(host), `${text}: ${host}`);
    }
    for (const host of ["org", "badexample.org", "example.org.evil.test"]) {
      assert.ok(!exclusions.has(host), `${text}: ${host}`);
    }
  }
});

test("addresses and prefixes of both families may be separated by commas or blanks", () => {
  const exclusions = new Exclusions("10.0.0.0/8, 192.0.2.1 [2001:db8::1],fd00::/8");
  for (const host of ["10.1.2.3", "192.0.2.1", "2001:db8::1", "fd12::1"]) assert.ok(exclusions.has(host), host);
  for (const host of ["11.0.0.1", "192.0.2.2", "2001:db8::2", "fe00::1", "name"]) {
    assert.ok(!exclusions.has(host), host);
  }
});

test("* excludes everything, and an empty list excludes nothing", () => {
  assert.ok(new Exclusions("x.test,*").has("anything.test"));
  assert.ok(!new Exclusions(" , ").has("anything.test"));
});

test("an invalid entry is refused, and the error names it", () => {
  for (const entry of ["10.0.0.1/8", "host:80", "http://x", "a*b", "300.1.1.1", "1.2.3"]) {
    assert.throws(
      () => new Exclusions(`ok.test,${entry}`),
      (error: Error) => error.message.includes(`'${entry}'`),
      entry,
    );
  }
});
