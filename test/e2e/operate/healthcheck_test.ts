import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { whyNot } from "../../support/network/namespaces.ts";
import { shell, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("healthcheck_test.ts", whyNot());

for (const target of targets) {
  test(
    `${target.name}: --listen=:0 and healthcheck work where IPv6 is switched off, as in many containers`,
    { skip },
    async () => {
      const name = `g46-${process.pid}-ipv4`;
      const inside = ["ip", "netns", "exec", name];
      assert.equal(spawnSync("ip", ["netns", "add", name]).status, 0);
      try {
        const off = "ip link set lo up && echo 1 | tee /proc/sys/net/ipv6/conf/*/disable_ipv6";
        const uplink =
          "ip link add eth0 type veth peer name eth1 && ip link set eth1 up && ip addr add 192.0.2.2/24 dev eth0 && ip link set eth0 up && ip route add default via 192.0.2.1";
        assert.equal((await shell([...inside, "sh", "-c", `${off} && ${uplink}`])).code, 0);
        for (const host of ["[::]", "0.0.0.0"]) {
          const gateway = await start(target, ["--listen=:0", "--open", `--admin=${host}:0`], inside);
          const at = `--admin=${host}:${gateway.admin!.port}`;
          let said: readonly unknown[] = [];
          await until("it is ready", async () => { // which it listens a moment before
            const { code, stdout, stderr } = await shell([...inside, ...target.command, "healthcheck", at]);
            said = [stdout.split("\n")[0], stderr];
            return code === 0;
          });
          assert.deepEqual(said, ["ready, 0 sessions", ""]);
          assert.equal(await gateway.stop(), 0);
          const dead = await shell([...inside, ...target.command, "healthcheck", at]);
          assert.equal(dead.code, 1);
          assert.match(dead.stderr, /^gate46: Cannot ask \S+: no gateway answers there\n$/);
        }
      } finally {
        spawnSync("ip", ["netns", "del", name]);
      }
    },
  );
}
