import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { programs, shell } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";

const own = ["unshare", "--mount", "sh", "-c"];
const cannot = spawnSync(own[0]!, [...own.slice(1), "mount -t tmpfs tmpfs /etc"]).status !== 0;
const skip = skipped("etc_test.ts", cannot && "no root, or no mount namespaces");

/** Another /etc, which only this command sees. */
const setUp = `mount -t tmpfs tmpfs /etc && mkdir /etc/gate46 && umask 022 && echo "gate46:x:4242:" >/etc/group &&
  printf 'users_file = "users"\\n' >/etc/gate46/gate46.toml`;

for (const target of programs) {
  test(`${target.name}: users add by root keeps the users file readable for the service's group`, {
    skip,
  }, async () => {
    const script = `${setUp} && "$@" && stat -c '%u %g %a' /etc/gate46/users && ls /etc/gate46`;
    const add = [...target.command, "users", "add", "ann", "--stdin"];
    const environment = { XDG_CONFIG_HOME: "/nowhere", GATE46_CONFIG: "", GATE46_USERS_FILE: "" };
    const { code, stdout, stderr } = await shell([...own, script, "sh", ...add], "open sesame\n", environment);
    assert.deepEqual([code, stderr], [0, "gate46: configuration: /etc/gate46/gate46.toml\n"]);
    assert.equal(
      stdout,
      `added ann in /etc/gate46/users; a gateway that runs reads it at its next reload\n0 4242 640\ngate46.toml\nusers\n`,
    );
  });
}
