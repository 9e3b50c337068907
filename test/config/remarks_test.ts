import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig, readConfig } from "../../src/config/config.ts";
import { readFile } from "../../src/config/file/config_file.ts";
import { remarks, strangers } from "../../src/config/remarks.ts";

const said = (toml: string) => remarks(readConfig({ file: readFile(toml, "f", (path) => path) }).config);

test("an admin endpoint that other hosts reach, without a token, is reported", () => {
  for (const admin of ["0.0.0.0:10846", ":10846", "192.0.2.1:80"]) {
    assert.match(
      remarks(parseConfig({ admin }))[0]!,
      /^--admin \S+ is for others too, and there is no --admin-token-file/,
    );
    assert.deepEqual(remarks(parseConfig({ admin, adminTokenFile: "token" })), []);
  }
  for (const admin of ["127.0.0.1:10846", "[::1]:10846", "unix:/run/a.sock", "off"]) {
    assert.deepEqual(remarks(parseConfig({ admin })), [], admin);
  }
});

test("a rule for users is reported if there is no authentication", () => {
  const rules = '[[rules]]\naction = "allow"\nports = 25\n[[rules]]\nname = "x"\naction = "allow"\nusers = "ann"\n';
  assert.deepEqual(said(rules), [
    "rules[1] 'x' never matches: it names users, and no authentication is required (users_file, [[users]] or --user)",
  ]);
  assert.deepEqual(said(`users_file = "users"\n${rules}`), []);
  assert.deepEqual(said(`${rules}[[users]]\nname = "ann"\npassword = "pw"\n`), []);
});

test("--default deny without any allow rule is reported", () => {
  const denied = "--default is deny, and neither a rule nor --allow allows anything: every request is denied";
  assert.deepEqual(said('default = "deny"\n[[rules]]\naction = "deny"\nports = 25\n'), [denied]);
  assert.deepEqual(said('default = "deny"\n[[rules]]\naction = "allow"\nports = 443\n'), []);
  assert.deepEqual(said('default = "deny"\nallow = "192.168.0.0/16"\n'), []);
});

test("a rule for a missing listener is reported, unless systemd may provide it", () => {
  const rule = '[[rules]]\naction = "deny"\nlistener = [":1081", "unix:/run/x"]\n';
  assert.deepEqual(said(`listen = ":1080"\nopen = true\n${rule}`), [
    "rules[0] never matches: no --listen is [::]:1081 or 0.0.0.0:1081 or unix:/run/x",
  ]);
  assert.deepEqual(said(`listen = [":1080", "unix:/run/x"]\nopen = true\n${rule}`), []);
  assert.deepEqual(said(`listen = "systemd"\nopen = true\n${rule}`), []);
});

test("a rule after one that matches every request is reported", () => {
  const rules = ['action = "deny"', 'name = "late"\naction = "allow"\nports = 25'];
  const file = (first: string, second: string) => `[[rules]]\n${first}\n[[rules]]\n${second}\n`;
  assert.deepEqual(said(file(rules[0]!, rules[1]!)), [
    "rules[1] 'late' is never reached: rules[0] matches every request",
  ]);
  assert.deepEqual(said(file('action = "deny"\nports = 25', rules[1]!)), []);
  const opens = 'action = "allow"\nto = "10.0.0.0/8"';
  assert.deepEqual(said(file('action = "allow"', opens)), [], "it may open what the first does not");
});

test("an unused upstream is reported", () => {
  const upstream = '[[upstreams]]\nname = "exit"\nchains = ["socks5://192.0.2.1"]\n';
  assert.deepEqual(said(upstream), [`upstreams[0] 'exit' is not used: no rule has via = "exit"`]);
  assert.deepEqual(said(`${upstream}[[rules]]\naction = "allow"\nvia = "exit"\n`), []);
});

test("a rule for nonexistent users is reported, unless an external system has the users", () => {
  const rule = '[[users]]\nname = "ann"\npassword = "sesame"\n[[rules]]\naction = "deny"\nusers = ["ann", "carol"]\n';
  const of = (toml: string) => {
    const file = readFile(toml, "f", (path) => path);
    return strangers(readConfig({ file }).config, new Set(["ann"]), file.placed);
  };
  assert.deepEqual(of(rule), ["rules[0] (line 4): no such user: 'carol'"]);
  assert.deepEqual(of(`auth_command = "/bin/true"\n${rule}`), []);
});
