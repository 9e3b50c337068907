import assert from "node:assert/strict";
import { busyPart } from "../../support/program/processor_time.ts";
import { Tcp } from "../../support/wire/tcp.ts";
import { until, within } from "../../support/program/until.ts";
import { startEcho } from "./script.ts";
import type { Suite } from "./suite.ts";

const DESCRIPTORS = 64;
const CLIENTS = 100;

export function descriptorContract(suite: Suite): void {
  suite.test(
    "accept() reports missing file descriptors, does not busy-loop, and continues once descriptors are free",
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
      const busy = await busyPart(child.pid!);
      assert.ok(busy < 1 / 4, `it is busy for ${busy} of its time`);
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
