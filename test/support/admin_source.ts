import type { AdminSource, Health } from "../../src/admin/app.ts";
import { counted } from "./counted.ts";

export const ready: Health = { ready: true, state: "ready", sessions: 3 };

/** A program that does nothing, but for `parts`. */
export function adminSource(parts: Partial<AdminSource> = {}): AdminSource {
  return {
    health: () => ready,
    metrics: () => counted().registry,
    status: () => Promise.resolve(undefined),
    endSession: () => Promise.resolve(false),
    reload: () => Promise.resolve([]),
    drain: () => {},
    ...parts,
  };
}
