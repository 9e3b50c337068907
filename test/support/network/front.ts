import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { afterwards } from "../program/afterwards.ts";
import { kill } from "../program/kill.ts";
import { refuses } from "../wire/tcp.ts";
import { temporaryFolder } from "../program/temporary_folder.ts";
import { until } from "../program/until.ts";

/** A program in front of gateways while it runs. */
export interface Front {
  readonly addr: SocketAddr;
  stop(): Promise<void>;
}

/** Starts `command`, with the path of a file that holds `config` as its last word, and waits until it listens on `addr`. */
export async function startFront(command: readonly string[], config: string, addr: SocketAddr): Promise<Front> {
  const file = join(temporaryFolder("front"), "config");
  writeFileSync(file, `${config}\n`); // without which HAProxy takes the last line for cut off
  const child = spawn(command[0]!, [...command.slice(1), file], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "", gone = false;
  const end = () => {
    if (!gone) kill(child.pid!, "SIGKILL");
  };
  const forget = afterwards(end);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      gone = true;
      forget();
      resolve();
    });
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => output += text);
  await until(`${command[0]} listens`, async () => {
    if (gone) throw new Error(`Cannot start ${command[0]}: ${output}`);
    return !await refuses(addr);
  });
  return {
    addr,
    stop() {
      end();
      return exited;
    },
  };
}
