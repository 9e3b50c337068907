import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Tcp } from "../support/tcp.ts";
import { until, within } from "../support/until.ts";
import { startEcho } from "./script.ts";
import type { Suite } from "./suite.ts";

const DESCRIPTORS = 64;
const CLIENTS = 100;
const WATCHED_MS = 1_000;

/** Seconds of processor time that a process has used, in clock ticks of 10 ms (proc_pid_stat(5)). */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

export function descriptorContract(suite: Suite): void {
  suite.test(
    "out of descriptors, accept() says so, does not spin, and goes on when some are free",
    async (bench) => {
      const child = startEcho(suite.subject, DESCRIPTORS);
      bench.keep({ close: () => child.kill("SIGKILL") });
      let output = "";
      child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text);
      await until("it listens", () => output.includes("\n"));
      const addr = { host: "127.0.0.1", port: Number.parseInt(output) };

      const clients: Tcp[] = [];
      for (let i = 0; i < CLIENTS; i++) {
        const client = bench.keep(await Tcp.to(addr));
        client.write("x");
        clients.push(client);
      }
      await until("it says that it is full", () => output.includes("no-descriptors"));
      const before = processorMs(child.pid!);
      await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
      const used = processorMs(child.pid!) - before;
      assert.ok(used < WATCHED_MS / 4, `${used} ms of processor time in ${WATCHED_MS} ms`);
      assert.deepEqual(
        await within("an answer from the first client", clients[0]!.read(1)),
        new TextEncoder().encode("x"),
      );

      for (const client of clients) client.close();
      await until("a new client is served", async () => {
        const client = await Tcp.to(addr);
        try {
          client.write("y");
          return (await client.read(1)).length === 1;
        } catch {
          return false;
        } finally {
          client.close();
        }
      });
      assert.equal(child.exitCode, null);
    },
    "a script",
    "descriptors",
  );
}
