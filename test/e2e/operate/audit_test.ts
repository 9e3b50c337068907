import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "../../../src/protocol/codes.ts";
import { relayable } from "../../support/memory/udp_peer.ts";
import { shell, start, targets, workers } from "../../support/program/program.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";
import { echoUdp, Udp } from "../../support/wire/udp.ts";

const skip = skipped("audit_test.ts", spawnSync("jq", ["--version"]).status !== 0 && "no jq");

/** The commands of the documentation, on this log. */
function documented(log: string): readonly string[] {
  const text = readFileSync(join(projectRoot, "docs/reference/audit-log.md"), "utf8");
  return Array.from(text.matchAll(/^ {4}jq [^]*?gate46\.log$/gm), ([block]) => block.replace(/gate46\.log$/, log));
}

async function values(command: readonly string[]): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await shell(command);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

for (const target of targets) {
  test(
    `${target.name}: jq reads the audit log: sessions, UDP destinations, and sessions open at a kill -9`,
    { skip },
    async () => {
      const log = join(temporaryFolder("audit"), "log");
      const echo = await echoServer("127.0.0.1"),
        udp = await echoUdp("127.0.0.1"),
        client = await Udp.bind("127.0.0.1");
      const flags = [
        "--listen=127.0.0.1:0",
        "--admin=off",
        "--allow=127.0.0.1",
        "--log-sessions=audit",
      ];
      const gateway = await start(target, [...flags, `--log-file=${log}`, ...workers(target, 2)]);
      const at = gateway.addrs[0]!;
      const first = await ask(at, Command.Connect, echo.addr.host, echo.addr.port);
      first.client.write("four");
      await first.client.read(4);
      first.client.close();
      const { client: control, reply } = await ask(at, Command.UdpAssociate, "0.0.0.0", 0);
      const relay = { host: "127.0.0.1", port: reply.bound.port };
      await client.send(relayable(udp.addr, "four"), relay);
      await client.receive();
      for (const host of ["169.254.169.254", "169.254.169.254", "10.0.0.0"]) {
        await client.send(relayable({ host, port: host === "10.0.0.0" ? 0 : 80 }, "x"), relay);
      }
      await client.send(relayable(udp.addr, "four"), relay);
      await client.receive(); // what was sent before has been looked at
      control.close();
      const has = (what: string, count: number) =>
        readFileSync(log, "utf8").split(`"message":"${what}"`).length > count;
      await until("the log has both ends", () => has("session-end", 2));
      const silent = await Tcp.to(at);
      const last = await ask(at, Command.Connect, echo.addr.host, echo.addr.port);
      await until("the log has who says nothing", () => has("session-open", 4));
      gateway.signal("SIGKILL");
      await gateway.exited;

      const filter =
        `[.message, .command // "", .destination_host // "", .bytes_up // 0, .dropped // {}, .refused_by // ""]`;
      const all = await values(["jq", "-c", `select(.audit == 1) | ${filter}`, log]);
      const of = (what: string) =>
        all.filter((one) => (one as string[])[0] === what).map((one) => (one as unknown[]).slice(1));
      assert.deepEqual(of("session-open").length, 4);
      assert.deepEqual(of("session-end"), [
        ["connect", "127.0.0.1", 4, {}, ""],
        ["udp-associate", "0.0.0.0", 8, { refused: 3 }, ""],
      ]);
      assert.deepEqual(of("udp-destination"), [
        ["", "127.0.0.1", 8, {}, ""],
        ["", "169.254.169.254", 0, { refused: 2 }, "link-local destination 169.254.169.254"],
        ["", "10.0.0.0", 0, { refused: 1 }, "port 0"],
      ]);
      const types = await values(["jq", "-c", "[.[] | type] | unique", log]);
      assert.ok(types.length > all.length, "every line is JSON, those of no session too");

      const runs = await values(["jq", "-c", "select(.audit == 1) | .run", log]);
      assert.equal(new Set(runs).size, 1, "all threads are one run");

      const [ends, open] = documented(log);
      assert.deepEqual(await values(["sh", "-c", ends!]), [[null, "127.0.0.1", 4], [null, "0.0.0.0", 8]]);
      const [lost, ...others] = await values(["sh", "-c", open!]) as Record<string, unknown>[];
      assert.deepEqual(others, []);
      assert.deepEqual([lost!.message, lost!.destination_port, typeof lost!.run], [
        "session-request",
        echo.addr.port,
        "string",
      ]);

      const again = await start(target, [...flags, `--log-file=${log}.2`, "--log-format=syslog"]);
      (await ask(again.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port)).client.close();
      await again.stop();
      const lines = readFileSync(`${log}.2`, "utf8").trim().split("\n").filter((line) => line.includes("audit"));
      assert.deepEqual(lines.map((line) => JSON.parse(line.replace(/^<6>/, "")).message), [
        "session-open",
        "session-request",
        "session-end",
      ]);
      assert.notEqual(JSON.parse(lines[0]!.slice(3)).run, lost!.run);
      for (const one of [silent, last.client]) one.close();
      for (const one of [echo, udp, client]) one.close();
    },
  );
}
