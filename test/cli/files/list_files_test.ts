import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfigText, textWithoutRules } from "../../../src/cli/files/load_config.ts";
import { loadConfigFile } from "../../support/program/config_file.ts";
import { emptyLists, listFiles, readLists } from "../../../src/cli/files/list_files.ts";
import { examineNamedFiles, filesOfReload, namedFiles } from "../../../src/cli/files/named_files.ts";
import { packRules } from "../../../src/gateway/rules/packed_rules.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { ipAddress } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const folder = temporaryFolder("lists");
const path = (name: string) => join(folder, name);

function written(name: string, text: string): string {
  writeFileSync(path(name), text);
  return path(name);
}

/** What the rules of `toml` say of a destination, the lists beside it read. */
async function judge(toml: string) {
  const { config } = await loadConfigFile(written("gate46.toml", toml));
  const rules = packRules(config.rules, await readLists(config.rules));
  const ruleset = new Ruleset({ rules, allow: [], ownListeners: () => [], localAddrs: () => [] });
  const asked = ruleset.judgeFor({ client: { host: "198.51.100.10", port: 1 }, command: Command.Connect });
  return (host: string, name?: string) => asked.address(ipAddress(host, 443)!, name).rule;
}

test("A list has one value per line, and may have comments, blanks, CRLF and non-ASCII letters", async () => {
  written("names", "\ufeff# of ads\r\n.ads.test\r\n\r\n  *.Tracker.TEST  # and not itself\r\nBücher.test");
  written("to", "192.0.2.0/24\n#10.0.0.0/8\n2001:db8::1 # one\n");
  const said = await judge(
    `[[rules]]\naction = "deny"\nnames = "inline.test"\nnames_file = "names"\n` +
      `[[rules]]\naction = "deny"\nto = "203.0.113.9"\nto_file = ["to", "to"]\n`,
  );
  for (const name of ["ads.test", "x.ads.test", "a.tracker.test", "xn--bcher-kva.test", "inline.test"]) {
    assert.equal(said("203.0.113.80", name), "rules[0]", name);
  }
  for (const name of ["tracker.test", "badads.test", "test", undefined]) {
    assert.equal(said("203.0.113.80", name), "open by default", String(name));
  }
  for (const host of ["192.0.2.9", "2001:db8::1", "203.0.113.9"]) assert.equal(said(host), "rules[1]", host);
  assert.equal(said("10.0.0.1"), "open by default");
});

test("An empty list is reported", async () => {
  const rules = [{ namesFiles: [written("no-names", "# none\n\n")], toFiles: [written("no-to", "")] }, {
    namesFiles: [written("names", "ads.test\n")],
  }];
  assert.deepEqual(emptyLists(await readLists(rules)), [
    `${rules[0]!.namesFiles[0]} lists nothing: no name fits by it`,
    `${rules[0]!.toFiles![0]} lists nothing: no destination fits by it`,
  ]);
});

test("A `to_file` list opens the same destinations as `to`: prefixes, and own listeners by exact address only", async () => {
  written("to", "127.0.0.0/8\n");
  const toml = `[[rules]]\naction = "allow"\nto_file = "to"\n`;
  assert.equal((await judge(toml))("127.0.0.1"), "rules[0]");
  const { config } = await loadConfigFile(path("gate46.toml"));
  const own = [{ host: "127.0.0.1", port: 443 }];
  const ruleset = async () => {
    const rules = packRules(config.rules, await readLists(config.rules));
    return new Ruleset({ rules, allow: [], ownListeners: () => own, localAddrs: () => ["127.0.0.1"] })
      .judgeFor({ client: { host: "198.51.100.10", port: 1 }, command: Command.Connect })
      .address(ipAddress("127.0.0.1", 443)!);
  };
  assert.equal((await ruleset()).rule, "own listener 127.0.0.1:443");
  written("to", "127.0.0.0/8\n127.0.0.1\n");
  assert.equal((await ruleset()).rule, "rules[0]");
});

test("Wrong lines are reported with file and line number, up to ten per file", async () => {
  const wrong = Array.from({ length: 14 }, (_, i) => `${i}.0.0.1`);
  const names = written("names", `good.test\n${wrong.join("\n")}\n`);
  const to = written("to", "\n192.0.2.1/24\nnowhere\n");
  const toml = `users_file = "no.users"\n[[rules]]\naction = "deny"\nnames_file = "names"\nto_file = ["to", "none"]\n`;
  const loaded = await loadConfigFile(written("gate46.toml", toml));
  await assert.rejects(examineNamedFiles(loaded), {
    problems: [
      `Cannot read ${path("no.users")}: it is not there (ENOENT); ${path("gate46.toml")} line 1`,
      ...wrong.slice(0, 10).map((one, i) =>
        `Cannot parse ${names} line ${i + 2}: '${one}' is an address; rules for addresses say 'to'`
      ),
      `Cannot parse ${names}: 4 more lines are wrong`,
      `Cannot parse ${to} line 2: '192.0.2.1/24' is not a prefix: it has bits behind its length ` +
      "(did you mean 192.0.2.0/24?)",
      `Cannot parse ${to} line 3: 'nowhere' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)`,
      `Cannot read ${path("none")}: it is not there (ENOENT)`,
    ],
  });
});

test("A reload reads lists again, also in a thread without the rules", async () => {
  const toml = `[[rules]]\naction = "deny"\nnames_file = "names"\n` +
    `[[rules]]\naction = "deny"\nnames_file = ["names", "more"]\nto_file = "to"\n`;
  const loaded = await loadConfigFile(written("gate46.toml", toml));
  const without = await parseConfigText(structuredClone(textWithoutRules(loaded)));
  for (const one of [loaded, without]) {
    assert.deepEqual(listFiles(one.config.rules).map((file) => file.slice(folder.length + 1)), ["names", "more", "to"]);
    assert.ok(filesOfReload(one).includes(path("more")));
    assert.ok(namedFiles(one).every(({ secret }) => !secret));
  }
});
