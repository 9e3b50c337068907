import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

let known: { readonly key: string | undefined } | undefined;

/**
 * A secret of this machine that lasts, for what is to be the same after a restart; undefined where it has none. The machine's id
 * itself is to be shown to nobody (machine-id(5)).
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
