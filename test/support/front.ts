import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { SocketAddr } from "../../src/net/socket.ts";
import { Tcp } from "./tcp.ts";
import { until } from "./until.ts";

/** A program in front of gateways while it runs. */
export interface Front {
  readonly addr: SocketAddr;
  stop(): Promise<void>;
}

/** Starts `command`, with the path of a file that holds `config` as its last word, and waits until it listens on `addr`. */
export async function startFront(command: readonly string[], config: string, addr: SocketAddr): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), "gate46-front-"));
  const file = join(folder, "config");
  writeFileSync(file, `${config}\n`); // without which HAProxy takes the last line for cut off
  const child = spawn(command[0]!, [...command.slice(1), file], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => output += text);
  await until(`${command[0]} listens`, async () => {
    if (child.exitCode !== null) throw new Error(`Cannot start ${command[0]}: ${output}`);
    const socket = await Tcp.to(addr).catch(() => undefined);
    socket?.close();
    return socket !== undefined;
  });
  return {
    addr,
    async stop() {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      process.kill(child.pid!, "SIGKILL");
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}
