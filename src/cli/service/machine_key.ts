import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

let known: { readonly key: string | undefined } | undefined;

/**
 * A lasting secret of this machine, for what must stay the same after a restart; undefined if there is none. The machine's id
 * itself must not be disclosed (machine-id(5)).
 */
export function machineKey(): string | undefined {
  return (known ??= { key: read() }).key;
}

function read(): string | undefined {
  try {
    const id = readFileSync("/etc/machine-id", "utf8").trim();
    return /^[0-9a-f]{32}$/.test(id) ? createHmac("sha256", id).update("gate46 ways out").digest("hex") : undefined;
  } catch {
    return undefined;
  }
}
