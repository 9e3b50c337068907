import process from "node:process";
import type { Status } from "../../admin/status.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { pause, systemClock } from "../../net/clock.ts";
import { ipAddress } from "../../protocol/address.ts";
import { print } from "../print.ts";
import { type GatewayHere, gatewayHere } from "./gateway_here.ts";
import { type Moment, ratedSessions } from "./rates.ts";
import { openScreen } from "./screen.ts";
import { sessionTable } from "./session_table.ts";

/** Interval between the two samples of a rate, and between two screens (ms). */
const RATE_MS = 500, WATCH_MS = 1_000;

/** Maximum number of sessions requested when the list is repeated. */
const WATCHED = 1_000;

/** How to list sessions. */
export interface SessionsFlags {
  readonly json?: boolean | undefined;
  readonly watch?: boolean | undefined;
}

/** `gate46 sessions [end ID|user NAME|client IP]`. Resolves with the exit code; rejects with NetError and ConfigError. */
export async function sessionsCommand(
  flags: RawOptions,
  { json = false, watch = false }: SessionsFlags,
  verb: string | undefined,
  [which, name]: readonly (string | undefined)[],
): Promise<number> {
  if (verb === undefined) {
    const here = await gatewayHere(flags);
    if (json && watch) throw new ConfigError("Cannot list sessions: say one of --json and --watch");
    if (watch) await watchSessions(here);
    else await list(here, json);
    return 0;
  }
  if (verb !== "end") throw new ConfigError(`Cannot do '${verb}' with sessions: there is only end`);
  if (which === "user" || which === "client") {
    if (name === undefined) throw new ConfigError(`Cannot end sessions: name the ${which}'s`);
    if (which === "client" && !ipAddress(name, 0)) {
      throw new ConfigError(`Cannot end sessions of client '${name}': it is not an IP address`);
    }
    const query = new URLSearchParams({ [which]: name });
    await print(`${await end(flags, `/api/sessions?${query}`)} ended\n`);
    return 0;
  }
  if (which === undefined || !/^\d+$/.test(which)) {
    throw new ConfigError(`Cannot end session '${which ?? ""}': not a number (nor user NAME, nor client IP)`);
  }
  await end(flags, `/api/sessions/${which}`);
  return 0;
}

async function end(flags: RawOptions, path: string): Promise<number> {
  const here = await gatewayHere(flags);
  return here.checked<{ readonly ended: number }>(await here.ask("DELETE", path), "ended").ended;
}

type Listed = Moment<Pick<Status, "sessions">>;

async function look(here: GatewayHere, most: number): Promise<Listed> {
  const status = here.checked<Status>(await here.ask("GET", `/api/status?sessions=${most}`), "sessions");
  return { status, at: performance.now() };
}

async function list(here: GatewayHere, json: boolean): Promise<void> {
  const before = await look(here, 1_000_000);
  if (json) return await print(`${JSON.stringify(before.status.sessions)}\n`);
  await pause(systemClock, before.status.sessions.length > 0 ? RATE_MS : 0);
  const now = before.status.sessions.length > 0 ? await look(here, 1_000_000) : before;
  await print(lines(sessionTable(ratedSessions(now, before))));
}

/** On a terminal each list replaces the one before, else it follows below. */
async function watchSessions(here: GatewayHere): Promise<void> {
  const screen = process.stdout.isTTY ? openScreen(systemClock) : undefined;
  let before: Listed | undefined;
  try {
    for (let over = false; !over;) {
      const now = await look(here, WATCHED);
      const table = sessionTable(ratedSessions(now, before));
      before = now;
      if (screen) screen.draw(table);
      else await print(`${lines(table)}\n`);
      const key = screen ? await screen.key(WATCH_MS) : await pause(systemClock, WATCH_MS);
      over = key === "q";
    }
  } finally {
    screen?.close();
  }
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
