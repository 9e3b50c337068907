import { type ChildProcess, spawn } from "node:child_process";
import { shell } from "../../support/program/program.ts";
import { scriptCommand } from "../../support/program/runtime.ts";
import type { Subject } from "./suite.ts";

/** Commands that run in a network namespace of their own, loopback up, before the script does. */
export type Namespace = readonly string[];

/** What came of each wish that dial.ts was given; in a new network namespace, or here. */
export async function dialled(
  { script }: Subject,
  wishes: readonly string[],
  options: { readonly namespace?: Namespace; readonly prefix?: readonly string[] } = {},
): Promise<Record<string, string>> {
  const command = [
    ...(options.prefix ?? []),
    ...scriptCommand("test/net/contract/scripts/dial.ts"),
    script!.module,
    script!.open,
    ...wishes,
  ];
  const { code, stdout, stderr } = await shell(options.namespace ? inNamespace(options.namespace, command) : command);
  if (code !== 0) throw new Error(`Cannot run dial.ts: ${code} ${stderr}`);
  return JSON.parse(stdout);
}

/** The echo server, with so many descriptors. */
export function startEcho({ script }: Subject, descriptors: number): ChildProcess {
  const command = [...scriptCommand("test/net/contract/scripts/echo.ts"), script!.module, script!.open];
  return spawn("sh", ["-c", `ulimit -n ${descriptors}; exec "$@"`, "sh", ...command], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function inNamespace(setup: Namespace, command: readonly string[]): readonly string[] {
  return ["unshare", "-n", "sh", "-ec", `${["ip link set lo up", ...setup].join("\n")}\nexec "$@"`, "sh", ...command];
}

/** How many octets a process grows by in a scenario of memory.ts. */
export async function grown({ script }: Subject, scenario: string): Promise<number> {
  const command = [...scriptCommand("test/net/contract/scripts/memory.ts"), script!.module, script!.open, scenario];
  const { code, stdout, stderr } = await shell(command);
  if (code !== 0) throw new Error(`Cannot run memory.ts: ${code} ${stderr}`);
  return Number(stdout);
}
