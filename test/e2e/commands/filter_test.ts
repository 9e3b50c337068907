import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Finding } from "../../../src/cli/doctor/findings/finding.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { executables, run, source, start } from "../../support/program/program.ts";
import { hasPython } from "../../support/python/python.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";
import { echoUdp, Udp } from "../../support/wire/udp.ts";
import { relayable } from "../../support/memory/udp_peer.ts";

const skip = skipped(
  "filter_test.ts",
  process.platform !== "linux" ? "needs Linux" : hasPython ? false : "python3 is not here",
);

/** What a container's filter may refuse; without epoll and eventfd no runtime begins. */
const CALLS = "accept4,recvmmsg,sendmmsg,splice";

/** The most that is copied before splice(2) is tried, many times over. */
const BULK = 4 << 20;

const under = (errno: string, calls: string) =>
  ["python3", join(projectRoot, "test/support/python/refusing.py"), errno, calls] as const;

for (const target of [source, ...executables]) {
  for (const errno of ["EPERM", "ENOSYS", "EINVAL"]) {
    test(`${target.name}: TCP and UDP work where a seccomp filter refuses system calls with ${errno}`, {
      skip,
    }, async () => {
      const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.0/8", "--engine=linux", "--workers=1"];
      const gateway = await start(target, flags, under(errno, CALLS));
      assert.match(gateway.output(), /engine linux workers=1 without="?accept4,splice,recvmmsg,sendmmsg/);
      const [tcp, udp, client] = await Promise.all([
        echoServer("127.0.0.1"),
        echoUdp("127.0.0.1"),
        Udp.bind("127.0.0.1"),
      ]);

      const connected = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", tcp.addr.port);
      assert.equal(connected.reply.reply, Reply.Succeeded);
      const sent = randomBytes(BULK);
      connected.client.write(sent);
      assert.deepEqual(Buffer.from(await connected.client.read(BULK)), sent);

      const associated = await ask(gateway.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
      const { port } = associated.reply.bound;
      const words = ["", "one", "two", "and a longer one"];
      for (const word of words) await client.send(relayable(udp.addr, word), { host: "127.0.0.1", port });
      for (const word of words) {
        assert.deepEqual((await client.receive()).bytes, relayable(udp.addr, word), `the answer to '${word}'`);
      }
      for (const one of [connected.client, associated.client, tcp, udp, client]) one.close();
      assert.equal(await gateway.stop(), 0);
    });
  }

  test(
    `${target.name}: doctor lists the system calls that a seccomp filter refuses, including pipe2`,
    { skip },
    async () => {
      const command = [...under("EPERM", `${CALLS},pipe2`), ...target.command];
      const { stdout } = await run({ name: target.name, command }, [
        "doctor",
        "--json",
        "--admin=off",
        "--dns=127.0.0.1:9",
      ]);
      const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
      const lost = findings.flatMap(({ about, level, says }) => about === "engine" && level === "note" ? says : []);
      assert.deepEqual(lost.map((one) => one.split(":")[0]), [
        "without accept4",
        "without splice",
        "without recvmmsg",
        "without sendmmsg",
      ]);
    },
  );
}
