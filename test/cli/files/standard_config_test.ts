import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { said } from "../../../src/cli/files/load_config.ts";
import { standardPaths } from "../../../src/cli/files/standard_config.ts";
import { command } from "../../support/program/command.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

test("the default configuration file is the user's, otherwise the system's", () => {
  const system = "/etc/gate46/gate46.toml";
  for (
    const [environment, own] of [
      [{ XDG_CONFIG_HOME: "/x", HOME: "/home/ann" }, ["/x/gate46/gate46.toml"]],
      [{ HOME: "/home/ann" }, ["/home/ann/.config/gate46/gate46.toml"]],
      [{ XDG_CONFIG_HOME: "", HOME: "/home/ann" }, ["/home/ann/.config/gate46/gate46.toml"]],
      [{ XDG_CONFIG_HOME: "x", HOME: "/home/ann" }, ["/home/ann/.config/gate46/gate46.toml"]], // which the specification ignores
      [{}, []],
    ] as const
  ) assert.deepEqual(standardPaths(environment), [...own, system]);
});

test("client commands read and name the default configuration file; serve does not read it", async () => {
  const home = temporaryFolder("standard");
  const folder = join(home, "gate46"), file = join(folder, "gate46.toml");
  const there = { XDG_CONFIG_HOME: home, GATE46_CONFIG: "", GATE46_ADMIN: "", GATE46_USERS_FILE: "" };
  mkdirSync(folder);
  writeFileSync(join(folder, "people"), `ann:$scrypt$ln=1,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n`, {
    mode: 0o600,
  });
  writeFileSync(file, `admin = "unix:${folder}/admin"\nusers_file = "people"\nhost = "there=192.0.2.1"\n`);
  const note = `gate46: configuration: ${file}\n`;
  const nobody = `${note}gate46: Cannot ask unix:${folder}/admin: no gateway answers there\n`;
  const explain = ["explain", "connect", "there:1", "--client=127.0.0.1", "--user=ann"];
  for (
    const [args, code, stderr] of [
      [["config"], 0, note],
      [["check"], 0, note],
      [["doctor", "--json"], 0, note],
      [explain, 0, note],
      [["users", "list"], 0, note],
      ...["healthcheck", "status", "top", "sessions", "reload", "drain"].map((name) => [[name], 1, nobody] as const),
    ] as const
  ) {
    const ended = await command(args, there);
    assert.equal(ended.stderr, stderr, args.join(" "));
    if (args[0] !== "doctor") assert.equal(ended.code, code, args.join(" ")); // who knows what is amiss on this host
  }
  assert.match((await command(["config"], there)).stdout, /^users_file = ".*\/people" +# .*gate46\.toml line 2$/m);
  assert.equal((await command(["check"], there)).stdout, `${file} is valid\n`);

  const other = join(home, "other.toml");
  writeFileSync(other, `admin = "unix:${home}/other"\nusers_file = "gate46/people"\n`);
  const elsewhere = `gate46: Cannot ask unix:${home}/other: no gateway answers there\n`;
  assert.equal((await command(["status", `--config=${other}`], there)).stderr, elsewhere);
  assert.equal((await command(["status"], { ...there, GATE46_CONFIG: other })).stderr, elsewhere);
  assert.equal((await command(["status", `--admin=unix:${home}/other`], there)).stderr, elsewhere);
  assert.equal((await command(["users", "list", `--users-file=${folder}/people`], there)).stderr, "");
  assert.equal(said({}).file, undefined, "serve and run");

  writeFileSync(file, "\nprefer = 1\n");
  const broken = await command(["explain", "connect", "there:1", "--client=127.0.0.1"], there);
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, new RegExp(`^${note}gate46: Cannot parse ${file} line 2: prefer: `));
});

test("the error for an unreadable file names the flag or variable that set it", async () => {
  const state = "it is not there (ENOENT)";
  for (const name of ["config", "status"]) {
    assert.equal(
      (await command([name], { GATE46_CONFIG: "/nowhere/toml" })).stderr,
      `gate46: Cannot read /nowhere/toml: ${state}; GATE46_CONFIG\n`,
    );
    assert.equal(
      (await command([name, "--config=/nowhere/toml"], { GATE46_CONFIG: "/other" })).stderr,
      `gate46: Cannot read /nowhere/toml: ${state}; --config\n`,
    );
  }
  const { stderr: empty } = await command(["config", "--config="], {});
  assert.equal(empty, "gate46: Cannot read --config: the name of the file is empty\n");
  const { stderr } = await command(["doctor"], { GATE46_USERS_FILE: "/nowhere/users", XDG_CONFIG_HOME: "/nowhere" });
  assert.equal(stderr, `gate46: Cannot read /nowhere/users: ${state}; GATE46_USERS_FILE\n`);
});
