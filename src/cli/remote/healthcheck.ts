import type { Health, Part } from "../../admin/readiness.ts";
import type { RawOptions } from "../../config/source.ts";
import { print } from "../print.ts";
import { gatewayHere, parsed } from "./gateway_here.ts";

/** `gate46 healthcheck`: for hosts without a shell or curl. Resolves with the exit code. */
export async function healthcheck(flags: RawOptions): Promise<number> {
  const here = await gatewayHere(flags);
  const { ready, state, sessions, parts } = parsed<Health>(await here.ask("GET", "/readyz"), "parts");
  await print(`${state}, ${sessions} sessions\n${partLines(parts).join("")}`);
  return ready ? 0 : 1;
}

/** One line for each part that is not healthy. */
export function partLines(parts: Health["parts"]): readonly string[] {
  return (Object.entries(parts) as [string, Part | boolean][]).flatMap(([name, part]) => {
    if (typeof part === "boolean" || part.ok) return [];
    return [`${name}: ${part.detail}${part.since === undefined ? "" : `, since ${part.since}`}\n`];
  });
}
