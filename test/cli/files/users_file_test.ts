import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadUsers, parseUsersFile, usersFileLine } from "../../../src/cli/files/users_file.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { verifyPassword } from "../../../src/gateway/users/password_hash.ts";

const HASH = "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
const octets = (text: string) => new TextEncoder().encode(text);

function names(text: string): readonly string[] {
  return [...parseUsersFile(text, "users").keys()];
}

describe("A users file", () => {
  for (
    const [what, text, expected] of [
      ["one user", `alice:${HASH}`, ["alice"]],
      ["several, with a line end at the end", `alice:${HASH}\nbob:${HASH}\n`, ["alice", "bob"]],
      ["comments and blank lines", `# people\n\n  \nalice:${HASH}\n#bob:${HASH}\n`, ["alice"]],
      ["line ends of Windows", `alice:${HASH}\r\nbob:${HASH}\r\n`, ["alice", "bob"]],
      ["a byte order mark", `\ufeffalice:${HASH}\n`, ["alice"]],
      ["blanks around the hash", `alice: ${HASH}  `, ["alice"]],
      ["a name with blanks and letters of its own", `Ünï Cödé:${HASH}`, ["Ünï Cödé"]],
    ] as const
  ) {
    test(`may hold ${what}`, () => assert.deepEqual(names(text), expected));
  }

  const FORM = "not NAME:HASH (gate46 users add makes such lines)";
  for (
    const [what, text, message] of [
      ["a line without a colon", `alice:${HASH}\nhunter2`, `Cannot parse users line 2: ${FORM}`],
      ["a plain-text password", "alice:hunter2", `Cannot parse users line 1: ${FORM}`],
      ["no name", `:${HASH}`, `Cannot parse users line 1: ${FORM}`],
      ["no hash", "alice:", `Cannot parse users line 1: ${FORM}`],
      [
        "a hash that would stop the gateway",
        `a:${HASH.replace("ln=15", "ln=30")}`,
        `Cannot parse users line 1: ${FORM}`,
      ],
      ["a user twice", `alice:${HASH}\n\nalice:${HASH}`, "Cannot parse users line 3: 'alice' is named twice"],
      [
        "a name with a byte order mark",
        `alice:${HASH}\n\ufeffalice:${HASH}`,
        "Cannot parse users line 2: a byte order mark or an octet 0 in the name",
      ],
      ["only comments", "# nobody\n", "Cannot use users: no user in it"],
      ["nothing", "", "Cannot use users: no user in it"],
    ] as const
  ) {
    test(`with ${what} is refused`, () => {
      assert.throws(() => parseUsersFile(text, "users"), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.message, message);
        assert.ok(!error.message.includes("hunter2"), "a line may hold a password");
        return true;
      });
    });
  }

  test("takes the lines that hash-password prints", async () => {
    const line = await usersFileLine("alice", octets("secret"));
    assert.ok(!line.includes("secret"));
    const hash = parseUsersFile(`${line}\n`, "users").get("alice")!;
    assert.equal(await verifyPassword(octets("secret"), hash), true);
    assert.equal(await verifyPassword(octets("Secret"), hash), false);
  });
});

describe("loadUsers()", () => {
  test("takes a user without a password only if the users file has it", async () => {
    await withFile(`ann:${HASH}\n`, async (file) => {
      assert.deepEqual([...(await loadUsers([{ name: "ann", budget: { maxRate: 5 } }], file)).keys()], ["ann"]);
      await assert.rejects(loadUsers([{ name: "bob" }], file), {
        problems: ["Cannot use user 'bob': it has no password here or in users_file"],
      });
    });
  });

  test("joins the users of flags and file", async () => {
    await withFile(`alice:${HASH}\n`, async (file) => {
      const users = await loadUsers([{ name: "bob", password: "secret" }], file);
      assert.deepEqual([...users.keys()], ["alice", "bob"]);
      assert.equal(await verifyPassword(octets("secret"), users.get("bob")!), true);
    });
  });

  test("keeps the hash of an unchanged password, so that cached logins stay valid", async () => {
    const [ann, bob] = [{ name: "ann", password: "secret" }, { name: "bob", password: "hunter2" }];
    const former = await loadUsers([ann, bob], undefined);
    const users = await loadUsers([ann, { ...bob, password: "hunter3" }], undefined, former);
    assert.equal(users.get("ann"), former.get("ann"));
    assert.notDeepEqual(users.get("bob"), former.get("bob"));
  });

  test("has no users by default", async () => {
    assert.equal((await loadUsers([], undefined)).size, 0);
  });

  test("refuses a duplicate name", async () => {
    const bob = { name: "bob", password: "hunter2" };
    await assert.rejects(loadUsers([bob, bob], undefined), {
      name: "ConfigError",
      message: "Cannot take --user 'bob': named twice",
    });
    await withFile(`bob:${HASH}\n`, async (file) => {
      await assert.rejects(loadUsers([bob], file), { message: "Cannot take --user 'bob': named twice" });
    });
  });

  test("gives the reason for an unreadable file", async () => {
    await withFile("", async (file) => {
      await assert.rejects(loadUsers([], `${file}.gone`), {
        message: `Cannot read ${file}.gone: it is not there (ENOENT)`,
      });
    });
  });
});

async function withFile(text: string, body: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gate46-users-"));
  try {
    const file = join(folder, "users");
    writeFileSync(file, text);
    await body(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
