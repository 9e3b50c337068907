import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { address, buildNetwork, whyNot } from "../../support/network/namespaces.ts";
import { programs, start } from "../../support/program/program.ts";
import { skipped, slow } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { asksForMany, echoes } from "../../support/python/router_hosts.ts";

const NAMES = 10_000, CONNECTIONS = 5_000, CYCLES = 3;
const skip = slow("a router with 10,000 names and 5,000 connections") || skipped("a router under load", whyNot());
const network = skip ? undefined : buildNetwork();
const children: ReturnType<typeof spawn>[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  network?.remove();
});

/** Descriptors of a process, and its memory (kB). */
function sizeOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    resident: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]),
  };
}

describe("A transparent router with 10,000 names and 5,000 open connections", () => {
  test(
    "uses less than twice the memory after the third cycle than after the first",
    { skip, timeout: 600_000 },
    async () => {
      const within = (host: "c4" | "s6", code: string, stdin: "pipe" | "ignore") => {
        const [command, ...args] = network!.in(host) as [string, ...string[]];
        const child = spawn(command, [...args, "python3", "-c", code], { stdio: [stdin, "pipe", "inherit"] });
        children.push(child);
        return child;
      };
      const set = (host: "c4" | "gw", ...command: readonly string[]) => {
        const [ip, ...args] = network!.in(host) as [string, ...string[]];
        assert.equal(spawnSync(ip, [...args, ...command]).status, 0, command.join(" "));
      };
      set("c4", "ip", "route", "add", "default", "via", address.gwC4);
      // A port rests for a minute, and the usual 28,000 are used up before.
      for (const host of ["c4", "gw"] as const) set(host, "sysctl", "-w", "net.ipv4.ip_local_port_range=2000 65000");
      const hosts = Array.from({ length: CONNECTIONS }, (_, i) => `${address.s6} n${2 * i}.test`);
      writeFileSync(`/etc/netns/${network!.name("gw")}/hosts`, `127.0.0.1 localhost\n${hosts.join("\n")}\n`);
      within("s6", echoes(address.s6), "ignore");
      for (const target of programs) {
        const gateway = await start(target, [
          "--listen=transparent://:1081",
          "--fake-dns=:53",
          "--from=10.46.1.0/24",
          "--allow=fd46::/16",
          "--install-rules",
          "--admin=off",
          "--log-sessions=failed",
          `--max-sessions-per-client=${CONNECTIONS}`,
        ], network!.in("gw"));
        const pid = gateway.child.pid!;
        const begun = sizeOf(pid);
        let first = { descriptors: 0, resident: 0 };
        for (let cycle = 1; cycle <= CYCLES; cycle++) {
          const client = within("c4", asksForMany(address.gwC4), "pipe");
          let said = "";
          client.stdout!.on("data", (text) => said += String(text));
          const ended = new Promise((resolve) => client.on("close", resolve));
          await until("all speak", () => said.includes("\n"), 400_000);
          assert.equal(said, `${NAMES} ${CONNECTIONS}\n`);
          client.stdin!.write("\n");
          await ended;
          await until("all is closed", () => sizeOf(pid).descriptors <= begun.descriptors + 32, 30_000);
          const size = sizeOf(pid);
          if (cycle === 1) first = size;
          if (cycle < CYCLES) continue;
          const sizes = `${target.name}: ${JSON.stringify([begun, first, size])}`;
          assert.ok(size.resident < 2 * first.resident, sizes); // garbage comes and goes; what each connection leaves adds up
        }
        assert.equal(await gateway.stop(), 0, gateway.output());
      }
    },
  );
});
