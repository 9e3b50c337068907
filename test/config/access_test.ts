import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { readFile } from "../../src/config/file/config_file.ts";
import { remarks } from "../../src/config/remarks.ts";

/** What `toml` comes to, and what is said against it. */
function read(toml: string) {
  try {
    const { config } = readConfig({ file: readFile(toml, "f", (path) => path) });
    return { access: config.gateway.access, remarks: remarks(config), problems: [] };
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return { problems: error.problems };
  }
}

const entry = (keys: string) => `[[access]]\nauth = "none"\n${keys}\n`;
const relay =
  "without passwords it would be an open relay; add from, or a listener on loopback or unix:, or give --open";

describe("An [[access]] entry", () => {
  const rows: readonly (readonly [what: string, options: string, entry: string, good: boolean])[] = [
    ["without a password for a prefix", `listen = ":1080"`, `from = "192.168.0.0/16"`, true],
    [
      "without a password for a unix socket beside another listener",
      `listen = [":1080", "unix:/run/x"]`,
      `listener = "unix:/run/x"`,
      true,
    ],
    [
      "without a password for a loopback listener",
      `listen = [":1080", "127.0.0.1:1081"]`,
      `listener = "127.0.0.1:1081"`,
      true,
    ],
    [
      "without a password for all clients, with local listeners only",
      `listen = ["localhost:1080", "unix:/run/x"]`,
      "",
      true,
    ],
    ["without a password for all clients, with from set", `listen = ":1080"\nfrom = "192.168.0.0/16"`, "", true],
    ["without a password for all clients, with open = true", `listen = ":1080"\nopen = true`, "", true],
    ["without a password for all clients", `listen = ":1080"`, "", false],
    [
      "without a password for a listener that other hosts reach",
      `listen = [":1080", "[2001:db8::1]:1081"]`,
      `listener = "[2001:db8::1]:1081"`,
      false,
    ],
    [
      "without a password for several listeners, one of which other hosts reach",
      `listen = ":1080"`,
      `listener = ["unix:/run/x", ":1080"]`,
      false,
    ],
    ["without a password for all clients, with sockets from systemd", `listen = "systemd"`, "", false],
    [
      "without a password for a loopback listener behind a proxy with the PROXY protocol",
      `listen = "127.0.0.1:1080"\nproxy_protocol_from = "127.0.0.1"`,
      `listener = "127.0.0.1:1080"`,
      false,
    ],
  ];
  for (const [what, options, keys, good] of rows) {
    test(`${what} is ${good ? "accepted" : "refused as an open relay"}`, () => {
      const line = options.split("\n").length + 2;
      const { problems } = read(`users_file = "users"\n${options}\n${entry(keys)}`);
      assert.deepEqual(problems, good ? [] : [`Cannot use access[0] (line ${line}): ${relay}`]);
    });
  }

  test("that requires a password is refused if there are no users", () => {
    assert.deepEqual(read(`[[access]]\nauth = "password"\nlistener = "unix:/run/x"`).problems, [
      "Cannot use access[0] (line 1): there are no users to ask for a password (--user, --users-file)",
    ]);
  });
});

test("an access entry without effect or without a listener is reported", () => {
  assert.deepEqual(read(entry(`listener = "unix:/run/x"`)).remarks, [
    "access[0] never matches: no --listen is unix:/run/x",
    "access[0] changes nothing: no password is required (users_file, [[users]] or --user)",
  ]);
});

test("--auth-exempt applies after the entries of the file", () => {
  const toml =
    `auth_exempt = "10.0.0.0/8"\nusers_file = "users"\n[[access]]\nfrom = "10.1.0.0/16"\nauth = "password"\n`;
  assert.deepEqual(read(toml).access!.map(({ name }) => name), ["access[0]", "--auth-exempt"]);
});
