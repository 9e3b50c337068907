import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { parseConfigText, textWithoutRules } from "../../../src/cli/files/load_config.ts";
import { loadConfigFile } from "../../support/program/config_file.ts";
import { namedFiles, readNamedFiles } from "../../../src/cli/files/named_files.ts";
import { exposedSecrets } from "../../../src/cli/files/secret_files.ts";
import { readText } from "../../../src/cli/files/text_file.ts";
import type { Clock } from "../../../src/net/clock.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const folder = mkdtempSync(join(tmpdir(), "gate46-config-"));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

function written(name: string, content: string | Uint8Array, mode = 0o600): string {
  writeFileSync(path(name), content);
  chmodSync(path(name), mode);
  return path(name);
}

async function complaints(file: string): Promise<readonly string[]> {
  try {
    await loadConfigFile(file);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
}

const fifo = spawnSync("mkfifo", [path("fifo")]).status === 0;

describe("The error for an unreadable file:", () => {
  const isRoot = process.getuid?.() === 0;
  for (
    const [what, file, state, skip] of [
      ["a missing file", path("none.toml"), ": it is not there (ENOENT)", false],
      ["a folder", folder, ": it is a folder (EISDIR)", false],
      ["another user's file", written("closed.toml", "", 0), ": not allowed (EACCES)", isRoot && "root can read all"],
      [
        "a file in Latin-1",
        written("latin.toml", Uint8Array.of(35, 10, 35, 0xe4, 10)),
        " line 2: it is not UTF-8",
        false,
      ],
      ["a file in UTF-16", written("utf16.toml", Uint8Array.of(0xff, 0xfe, 35, 0)), " line 1: it is not UTF-8", false],
      [
        "a huge file",
        written("huge.toml", new Uint8Array((16 << 20) + 1).fill(10)),
        ": it is larger than 16 MiB",
        false,
      ],
      ["an endless file", "/dev/zero", ": it is not a regular file", !existsSync("/dev/zero") && "no /dev/zero"],
      ["a FIFO", path("fifo"), ": it is not a regular file", !fifo && "no mkfifo"],
    ] as const
  ) {
    test(what, { skip: skipped(what, skip) }, async () => {
      assert.deepEqual(await complaints(file), [`Cannot read ${file}${state}`]);
    });
  }
});

test("A file may be empty, begin with a byte order mark, or use CRLF", async () => {
  for (const toml of ["", "\n# nothing\n", "\ufeffdrain = 1\n", "drain = 1\r\n[[rules]]\r\naction = 'deny'\r\n"]) {
    assert.deepEqual(await complaints(written("fine.toml", toml)), []);
  }
});

describe("The password of an upstream", () => {
  const via = (file: string) => `[[rules]]\naction = "allow"\nvia = "socks5://ann@192.0.2.1?password-file=${file}"\n`;

  test("is read from a file beside the configuration file", async () => {
    written("upstream.password", "p:w/1 %\n");
    const loaded = await loadConfigFile(written("via.toml", via("upstream.password")));
    assert.deepEqual(loaded.config.rules[0]!.via, ["socks5://ann:p%3Aw%2F1%20%25@192.0.2.1"]);
    rmSync(path("upstream.password"));
    const again = await parseConfigText(loaded.text);
    assert.deepEqual(again.config.rules, loaded.config.rules, "a worker gets it with the text, and reads no file");
  });

  test("is reported once if its file is missing", async () => {
    assert.deepEqual(await complaints(written("missed.toml", via("none") + via("none"))), [
      `Cannot read ${path("none")}: it is not there (ENOENT)`,
    ]);
  });

  test("cannot be empty or too long, and no error shows it", async () => {
    written("empty", "\n");
    written("long", "hunter2".repeat(40));
    assert.deepEqual(await complaints(written("wrong.toml", via("empty") + via("long"))), [
      `Cannot use ${path("empty")}: the password is empty`,
      `Cannot use ${path("long")}: the password is longer than 255 octets`,
    ]);
  });
});

describe("The files that a configuration names", () => {
  const toml = `log_file = "log"\nadmin_token_file = "no.token"\nusers_file = "no.users"\ndns = "tls://192.0.2.53"\n` +
    `dns_ca = "no.ca"\n[[users]]\nname = "ann"\npassword_file = "no.password"\n` +
    `[[rules]]\naction = "allow"\nvia = "socks5s://u@192.0.2.1?password-file=via.password"\n`;
  const load = async () => {
    written("via.password", "hunter2");
    return await loadConfigFile(written("named.toml", toml));
  };

  test("are listed with their secrecy and their effect at a reload", async () => {
    const files = namedFiles(await load());
    const those = (fit: (file: (typeof files)[number]) => boolean) =>
      files.filter(fit).map(({ path }) => path.slice(folder.length + 1)).sort();
    assert.deepEqual(those(({ secret }) => secret), ["no.password", "no.token", "no.users", "via.password"]);
    assert.deepEqual(those(({ secret, fixed }) => !secret && !fixed), ["named.toml", "no.ca"]);
    assert.deepEqual(those(({ fixed }) => fixed), ["log"]);
  });

  test("are all reported at once if unreadable", async () => {
    const loaded = await load();
    const missed = (name: string, line?: number) =>
      `Cannot read ${path(name)}: it is not there (ENOENT)${
        line === undefined ? "" : `; ${path("named.toml")} line ${line}`
      }`;
    await assert.rejects(readNamedFiles(loaded), {
      problems: [missed("no.users", 3), missed("no.password"), missed("no.token", 2), missed("no.ca", 5)],
    });
  });
});

test("The configuration text of a worker leaves out the rules, and keeps their upstreams and everything else", async () => {
  written("up.password", "hunter2");
  const rules = Array.from({ length: 1_000 }, (_, i) => `[[rules]]\naction = "deny"\nnames = "host${i}.test"\n`).join(
    "",
  );
  const via = `[[rules]]\naction = "allow"\nvia = "socks5s://u@192.0.2.1?password-file=up.password"\n`;
  const toml = `drain = "7s"\nvia_ca = "ca.pem"\n${rules}${via}${via}`;
  const loaded = await loadConfigFile(written("many.toml", toml));
  const text = structuredClone(textWithoutRules(loaded));
  assert.ok(JSON.stringify(text).length < 1_000, "it is not copied");
  const again = await parseConfigText(text);
  assert.deepEqual({ ...again.config, rules: [] }, { ...loaded.config, rules: [] });
  assert.deepEqual(again.config.rules.map(({ via }) => via), [["socks5s://u:hunter2@192.0.2.1"]]);
});

test("The configuration text of a worker keeps the names of SNI and Host listeners", async () => {
  const rule = '[[rules]]\naction = "allow"\nnames = "*.shop.test"\n';
  const loaded = await loadConfigFile(
    written("shop.toml", `listen = ["sni://[::1]:443", "host://:80?port=8080"]\n${rule}`),
  );
  const again = await parseConfigText(structuredClone(textWithoutRules(loaded)));
  assert.deepEqual(again.config.listen, loaded.config.listen);
  assert.deepEqual(again.config.listen.map(({ only }) => only), [{ by: "sni" }, { by: "host", port: 8080 }]);
  const every = written("every.toml", `listen = "sni://:443"\n${rule.replace("*.shop.test", "*")}`);
  await assert.rejects(
    loadConfigFile(every),
    /Cannot listen on \[::\]:443 by name: a rule allows every name, so it would be an open relay/,
  );
  const denied = written("denied.toml", `listen = "sni://:443"\n${rule.replace("allow", "deny")}`);
  await assert.rejects(loadConfigFile(denied), /add an allow rule with names for their destinations/);
});

const windows = process.platform === "win32" && "modes mean nothing on Windows";
describe("Warnings about secret files that other users can read:", { skip: skipped("modes", windows) }, () => {
  const names = ["token", "users", "ann.password", "up.password"];
  const toml = (password: string) =>
    `admin_token_file = "token"\nusers_file = "users"\n[[users]]\nname = "ann"\n${password}\n` +
    `[[rules]]\naction = "allow"\nvia = "socks5://u@192.0.2.1?password-file=up.password"\n`;
  const told = async (mode: number, password: string) => {
    for (const name of names) written(name, "something", mode);
    return exposedSecrets(await loadConfigFile(written("secrets.toml", toml(password), mode)));
  };

  test("none if only owner and group can read them", async () => {
    assert.deepEqual(await told(0o640, "password = 'hunter2'"), []);
  });

  test("one per file, and one for the configuration file if it contains a password", async () => {
    const line = (name: string) =>
      `${path(name)} contains passwords, keys or tokens, and every user of this machine can read it (chmod o-r)`;
    assert.deepEqual(
      await told(0o644, "password_file = 'ann.password'"),
      ["token", "users", "ann.password", "up.password"].map(line),
    );
    assert.deepEqual(
      await told(0o644, "password = 'hunter2'"),
      ["secrets.toml", "token", "users", "up.password"].map(line),
    );
  });
});

test("readText() reads a large file in chunks", async () => {
  mkdirSync(path("pieces"));
  const text = `${"ä€😀".repeat(100_000)}\n`;
  assert.equal(await readText(written("pieces/text", text)), text);
});

test("readText() times out, and reads no other file until the first read ends", async () => {
  const file = written("slow", "text");
  const late: Clock = { now: () => 0, after: (_, then) => (then(), () => {}) };
  await assert.rejects(readText(file, { clock: late }), {
    name: "ConfigError",
    message: `Cannot read ${file}: that takes longer than 5 s`,
  });
  await assert.rejects(readText(path("pieces")), {
    message: `Cannot read ${path("pieces")}: another file has not been read yet`,
  });
  await until("the file has been read", () => readText(file).then(() => true, () => false));
});
