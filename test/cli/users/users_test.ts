import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { parseUsersFile, usersFileLine } from "../../../src/cli/files/users_file.ts";
import { serviceGroup } from "../../../src/cli/users/service_group.ts";
import { addUser, removeUser } from "../../../src/cli/users/users_file_changes.ts";
import { withLine, withOtherLine, withoutLine } from "../../../src/cli/users/users_text.ts";
import { verifyPassword } from "../../../src/gateway/users/password_hash.ts";
import { systemClock } from "../../../src/net/clock.ts";
import { command } from "../../support/program/command.ts";
import { programs, run } from "../../support/program/program.ts";
import { hasPython } from "../../support/python/python.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { onTerminal } from "../../support/program/terminal.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const HASH = "$scrypt$ln=1,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
const ann = `ann:${HASH}`, bob = `bob:${HASH}`;

test("a changed users file keeps all other octets: comments, blank lines, line ends and byte order mark", () => {
  assert.equal(withLine("", ann), `${ann}\n`);
  assert.equal(withLine(`# people\n\n${ann}`, bob), `# people\n\n${ann}\n${bob}\n`);
  assert.equal(withLine(`# people\r\n${ann}\r\n`, bob), `# people\r\n${ann}\r\n${bob}\r\n`);
  const text = `\ufeff${ann}\r\n  \n#ann:old\n${bob}`;
  assert.equal(withOtherLine(text, "ann", "ann:new"), `\ufeffann:new\r\n  \n#ann:old\n${bob}`);
  assert.equal(withOtherLine(text, "bob", "bob:new"), `\ufeff${ann}\r\n  \n#ann:old\nbob:new`);
  assert.equal(withoutLine(text, "ann"), `\ufeff  \n#ann:old\n${bob}`);
});

test("a changed file keeps mode and owner, and a symbolic link stays a link", async () => {
  const folder = temporaryFolder("users");
  const file = join(folder, "users"), link = join(folder, "link");
  writeFileSync(file, `# people\n${ann}\n`);
  chmodSync(file, 0o640);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(file, 65_534, 65_533);
  symlinkSync("users", link);
  await addUser(link, systemClock, "bob", bob);
  assert.equal(readFileSync(file, "utf8"), `# people\n${ann}\n${bob}\n`);
  assert.ok(lstatSync(link).isSymbolicLink());
  const { mode, uid, gid } = statSync(file);
  assert.equal(mode & 0o7777, 0o640);
  if (isRoot) assert.deepEqual([uid, gid], [65_534, 65_533]);
  assert.deepEqual(readdirSync(folder).sort(), ["link", "users"]);
});

test("concurrent changes are all saved, and a stale lock is reported", async () => {
  const folder = temporaryFolder("users");
  const file = join(folder, "users");
  const names = Array.from({ length: 8 }, (_, i) => `user${i}`);
  await Promise.all(names.map((name) => addUser(file, systemClock, name, `${name}:${HASH}`)));
  assert.deepEqual([...parseUsersFile(readFileSync(file, "utf8"), file).keys()].sort(), names);
  assert.equal(statSync(file).mode & 0o777, 0o600, "a new one is only its owner's");
  const clock = new TestClock();
  writeFileSync(`${file}.lock`, "");
  const late = assert.rejects(removeUser(file, clock, "user1"), {
    message: `Cannot change ${file}: another command is changing it; if none is, remove ${file}.lock`,
  });
  await clock.advance(6_000);
  await late;
  assert.ok(existsSync(`${file}.lock`), "it is not this command's");
});

test("a new file that root creates for the packaged service is readable by the service group", () => {
  const groups = () => "root:x:0:\ngate46x:x:7:\ngate46:x:123:ann\n";
  assert.equal(serviceGroup("/etc/gate46/users", 0, groups), 123);
  assert.equal(serviceGroup("/etc/gate46/users", 0, () => "root:x:0:\n"), undefined);
  for (const [path, user] of [["/etc/gate46/users", 1_000], ["/root/users", 0], ["/etc/gate46/x/users", 0]] as const) {
    assert.equal(serviceGroup(path, user, groups), undefined);
  }
});

test("a refused change leaves the file unchanged, and removes its lock", async () => {
  const folder = temporaryFolder("users");
  const file = join(folder, "users");
  const text = `${ann}\n`;
  writeFileSync(file, text);
  const about = (...args: string[]) => command(["users", ...args, `--users-file=${file}`]);
  const refused: readonly (readonly [string[], string])[] = [
    [["add", "ann", "--stdin"], `Cannot add "ann": ${file} has that user (users passwd changes the password)`],
    [["passwd", "anne", "--stdin"], `Cannot change "anne": no such user in ${file} (did you mean "ann"?)`],
    [["remove", "zoe"], `Cannot remove "zoe": no such user in ${file}`],
    [["add", "a:b", "--stdin"], 'Cannot use the name "a:b": a colon ends the name in the file'],
    [["add", "#b", "--stdin"], 'Cannot use the name "#b": a line that begins with # is a comment'],
    [["add", "a\nb", "--stdin"], 'Cannot use the name "a\\nb": there is a line end in it'],
    [["add", "", "--stdin"], 'Cannot use the name "": the name is empty'],
    [
      ["add", "x".repeat(256), "--stdin"],
      `Cannot use the name "${"x".repeat(256)}": the name is longer than 255 octets`,
    ],
    [["ad", "ann"], "Cannot do 'ad' with users: did you mean add?"],
    [["add"], "Cannot add nobody: say users add NAME"],
    [["list", "ann"], "Cannot list one user: say users list alone"],
  ];
  for (const [args, message] of refused) {
    assert.deepEqual(await about(...args), { code: 2, stdout: "", stderr: `gate46: ${message}\n` });
  }
  assert.deepEqual(
    await command(["users", "list"], { GATE46_USERS_FILE: "" }),
    {
      code: 2,
      stdout: "",
      stderr:
        "gate46: Cannot find the users: no file is named; say --users-file FILE, or users_file in the configuration\n",
    },
  );
  writeFileSync(file, `${text}hunter2\n`);
  const broken = await about("remove", "ann");
  assert.equal(
    broken.stderr,
    `gate46: Cannot parse ${file} line 2: not NAME:HASH (gate46 users add makes such lines)\n`,
  );
  assert.equal(readFileSync(file, "utf8"), `${text}hunter2\n`);
  assert.deepEqual(readdirSync(folder), ["users"]);
});

test("users remove deletes a user, and warns if no user is left", async () => {
  const file = join(temporaryFolder("users"), "users");
  writeFileSync(file, `# people\n${ann}\n${bob}\n`);
  const remove = (name: string) => command(["users", "remove", name], { GATE46_USERS_FILE: file });
  assert.deepEqual(await remove("ann"), {
    code: 0,
    stdout: `removed ann from ${file}; a gateway that runs reads it at its next reload\n`,
    stderr: "",
  });
  assert.equal(readFileSync(file, "utf8"), `# people\n${bob}\n`);
  assert.match((await remove("bob")).stderr, /warning: no user is left in .*: gate46 does not start with it\n$/);
  assert.equal(readFileSync(file, "utf8"), "# people\n");
});

for (const target of programs) {
  const name = (what: string) => `users, ${target.name}: ${what}`;
  const knows = async (file: string, user: string, password: string) =>
    await verifyPassword(octets(password), parseUsersFile(readFileSync(file, "utf8"), file).get(user)!);

  test(name("--stdin sets passwords in the users file of the configuration"), async () => {
    const folder = temporaryFolder("users");
    const config = join(folder, "gate46.toml"), file = join(folder, "people");
    writeFileSync(config, 'users_file = "people"\n');
    const users = (...args: string[]) => run(target, ["users", ...args, `--config=${config}`], "open sesame\nmore\n");
    const added = await users("add", "ann", "--stdin");
    assert.deepEqual(added, {
      code: 0,
      stdout: `added ann in ${file}; a gateway that runs reads it at its next reload\n`,
      stderr: "",
    });
    assert.ok(await knows(file, "ann", "open sesame"));
    assert.equal((await users("list")).stdout, "ann\n");
    const unasked = await users("add", "bob");
    assert.deepEqual([unasked.code, unasked.stderr], [
      2,
      "gate46: Cannot ask for a password: standard input is no terminal; say --stdin to read it from there\n",
    ]);
  });

  const skip = skipped(`users_test.ts, ${target.name}, a terminal`, !hasPython && "no python3");
  test(
    name("a terminal is asked twice, shows no password, and a second one that differs changes nothing"),
    { skip },
    async () => {
      const file = join(temporaryFolder("users"), "users");
      writeFileSync(file, `# people\n${await usersFileLine("ann", octets("before"))}\n`);
      const users = [...target.command, "users", "passwd", "ann", `--users-file=${file}`];
      const answer = async (first: string, second: string) => {
        const terminal = onTerminal(users);
        await terminal.shows("Password for ann: ");
        terminal.type(`${first}\r`);
        await terminal.shows("The same again: ");
        terminal.type(`${second}\r`);
        const code = await terminal.ended;
        assert.doesNotMatch(terminal.shown(), /tiger|lion/);
        return { code, shown: terminal.shown() };
      };
      const differs = await answer("a tiger", "a lion");
      assert.equal(differs.code, 2);
      assert.match(differs.shown, /gate46: Cannot use the password: the second one is another/);
      assert.ok(await knows(file, "ann", "before"));
      assert.equal((await answer("a tiger", "a tiger")).code, 0);
      assert.ok(await knows(file, "ann", "a tiger"));
      const stopped = onTerminal(users);
      await stopped.shows("Password for ann: ");
      stopped.type("\x03");
      assert.equal(await stopped.ended, 2);
      assert.match(stopped.shown(), /Cannot read the password: none was given/);
    },
  );
}
