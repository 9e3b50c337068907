import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import process from "node:process";
import { temporaryFolder } from "../program/temporary_folder.ts";

/** A user without rights, where this one has them: what runs in front of a command. */
export const asNobodyInParticular: readonly [string, ...string[]] = process.getuid?.() === 0
  ? ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env", "HOME=/tmp", `DENO_DIR=${openFolder()}`]
  : ["env"];

function openFolder(): string {
  const folder = temporaryFolder("run");
  chmodSync(folder, 0o777);
  return folder;
}

/** Why a program cannot have a network of its own here, or false. */
export function whyNoOwnNetwork(): string | false {
  if (process.platform !== "linux") return "not Linux";
  const [command, ...args]: readonly [string, ...string[]] = [...asNobodyInParticular, "unshare", "-Un", "true"];
  const { status, stderr } = spawnSync(command, args);
  return status !== 0 && `unshare -Un: ${String(stderr ?? "is missing").trim()}`;
}
