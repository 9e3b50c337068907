import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { programs, shell } from "../../support/program/program.ts";
import { skipped, slow } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("many connections of gate46 run", whyNoOwnNetwork()) || slow("many connections of gate46 run");
const python = (name: string) => join(import.meta.dirname!, "../../support/python", name);
const NAMES = 10_000, CONNECTIONS = 5_000, ROUNDS = 2;

describe("gate46 run", () => {
  const children: ReturnType<typeof spawn>[] = [];
  after(() => {
    for (const child of children) child.kill("SIGKILL");
  });

  for (const target of programs) {
    test(`${NAMES} names and ${CONNECTIONS} connections at once, repeatedly: ${target.name}`, {
      skip,
      timeout: 900_000,
    }, async () => {
      const gateway = spawn("python3", [python("socks_echo.py")], { stdio: ["ignore", "pipe", "inherit"] });
      children.push(gateway);
      let port = "";
      gateway.stdout!.on("data", (bytes) => port += bytes);
      await until("the gateway", () => port.includes("\n"));
      const { stdout, stderr } = await shell([
        ...[...asNobodyInParticular, ...target.command, "run", `--via=socks5://127.0.0.1:${port.trim()}`, "--"],
        ...["python3", python("many.py"), NAMES, CONNECTIONS, ROUNDS].map(String),
      ]);
      const held = stdout.trim().split("\n").map(Number);
      assert.equal(held.length, ROUNDS, stderr);
      assert.ok(held.at(-1)! < 2 * held[0]!, `it holds as much after the last as after the first: ${held} kB`);
    });
  }
});
