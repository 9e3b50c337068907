import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { command } from "../../support/program/command.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const folder = temporaryFolder("check"), path = join(folder, "gate46.toml");

/** What is printed for that file, without its folder. */
async function said(toml: string): Promise<readonly string[]> {
  writeFileSync(path, toml, { mode: 0o600 });
  const { stderr } = await command(["check", path]);
  return stderr.trimEnd().replaceAll(`${folder}/`, "").replaceAll("gate46: ", "").split("\n");
}

describe("gate46 check", () => {
  test("lists the faults of every stage at once, with line numbers", async () => {
    const faults = await said(`listen = ["127.0.0.1:1080", ":1081"]
users_file = "no_users"
tls_cert = "cert.pem"
idle_timeout = "soon"

[[access]]
auth = "none"

[[users]]
name = "ann"
password = "sesame"
password_file = "ann.password"

[[rules]]
action = "deny"
listener = ":9999"
names_file = "no_names"
`);
    assert.deepEqual(faults, [
      "warning: rules[0] (line 14) never matches: no --listen is [::]:9999 or 0.0.0.0:9999",
      "Cannot read no_users: it is not there (ENOENT); gate46.toml line 2",
      "Cannot parse gate46.toml line 4: idle_timeout: 'soon' is not a time (write 10s, 500ms, 5m or 1h)",
      "Cannot use access[0] (line 6): without passwords it would be an open relay; add from, or a listener on loopback or unix:, or give --open",
      "Cannot parse gate46.toml line 9: users[0]: give one of password and password_file, not both",
      "Cannot use --tls-cert, --tls-key or --tls-client-ca: no --listen is socks5s://, https:// or tls://",
      "Cannot read no_names: it is not there (ENOENT)",
    ]);
  });

  test("leaves out checks that depend on a broken part", async () => {
    const faults = await said(`listen = "socks5s:/[::]:1080"
tls_cert = "cert.pem"


[[users]]
name = "ann"

[[upstreams]]
name = "up"
chains = ["socks5s:/example.org"]
`);
    assert.deepEqual(faults.map((fault) => fault.replace(/(line \d+).*/, "$1")), [
      "Cannot parse gate46.toml line 1",
      "Cannot parse gate46.toml line 5",
      "Cannot parse gate46.toml line 10",
    ]);
  });
});
