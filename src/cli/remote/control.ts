import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { print } from "../print.ts";
import { type GatewayHere, gatewayHere, parsed } from "./gateway_here.ts";

/** Timeout of a reload (ms): large lists of rules take long to read, and a reload waits for the one before. */
const RELOAD_MS = 120_000;

/** `gate46 reload`: as SIGHUP. Resolves with 1 for a refused configuration, else 0. Rejects with NetError and ConfigError. */
export async function reloadCommand(flags: RawOptions): Promise<number> {
  const here = await hereUnlessBroken(flags);
  if (!("ask" in here)) return await refused(here);
  const answer = await here.ask("POST", "/reload", RELOAD_MS);
  const { reloaded, problems } = answer.status === 409
    ? parsed<Reloaded>(answer, "problems")
    : here.checked<Reloaded>(answer, "problems");
  if (!reloaded) return await refused(problems);
  await print("reloaded\n");
  return 0;
}

/** The gateway, or the problems of the file that says where it is: the gateway would refuse it too. */
async function hereUnlessBroken(flags: RawOptions): Promise<GatewayHere | readonly string[]> {
  try {
    return await gatewayHere(flags);
  } catch (error) {
    const file = typeof flags.config === "string" && `Cannot parse ${flags.config} `;
    if (!(error instanceof ConfigError) || !file || !error.problems.some((one) => one.startsWith(file))) throw error;
    return error.problems;
  }
}

async function refused(problems: readonly string[]): Promise<number> {
  for (const problem of problems) process.stderr.write(`gate46: ${problem}\n`);
  await print("not reloaded: the gateway goes on as before\n");
  return 1;
}

interface Reloaded {
  readonly reloaded: boolean;
  readonly problems: readonly string[];
}

/** `gate46 drain`: as SIGTERM. Rejects with NetError and ConfigError. */
export async function drainCommand(flags: RawOptions): Promise<void> {
  const here = await gatewayHere(flags);
  here.checked<{ readonly draining: boolean }>(await here.ask("POST", "/drain"), "draining");
  await print("it drains: no new clients, and sessions have --drain to end (gate46 status tells how long)\n");
}
