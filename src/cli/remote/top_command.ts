import process from "node:process";
import type { Status } from "../../admin/status.ts";
import type { RawOptions } from "../../config/source.ts";
import { type Clock, pause, systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { print } from "../print.ts";
import { type GatewayHere, gatewayHere } from "./gateway_here.ts";
import type { Moment } from "./rates.ts";
import { openScreen } from "./screen.ts";
import type { Order } from "./orders.ts";
import { orderOf, topFrame } from "./top_frame.ts";

/** Interval between two screens, or between the two samples of a rate if only one screen is printed (ms). */
const EVERY_MS = 1_000;

/** Maximum number of sessions, the youngest and those with the most octets: more would delay a thread of the gateway. */
const MAX_SESSIONS = 200;

/** Rows of a screen without a terminal. */
const ROWS = 50;

/** `gate46 top`: shows the activity, live on a terminal, else once. Rejects with NetError and ConfigError. */
export async function topCommand(flags: RawOptions, order: Order): Promise<void> {
  const here = await gatewayHere(flags);
  const first = await look(here);
  if (process.stdout.isTTY && process.stdin.isTTY) return await live(here, first, order, systemClock);
  await pause(systemClock, EVERY_MS);
  const shown = { before: first, now: await look(here), order };
  await print(topFrame(shown, { rows: ROWS, columns: 0 }, false).map((line) => `${line}\n`).join(""));
}

async function look(here: GatewayHere): Promise<Moment> {
  const answer = await here.ask("GET", `/api/status?sessions=${MAX_SESSIONS}`);
  return { status: here.checked<Status>(answer, "relays"), at: performance.now() };
}

/** Runs until the user types q. If the program does not answer, as during a restart, the last answer stays. */
async function live(here: GatewayHere, first: Moment, order: Order, clock: Clock): Promise<void> {
  const screen = openScreen(clock);
  let now = first, before: Moment | undefined, failure: string | undefined;
  try {
    for (let nextAt = first.at + EVERY_MS;;) {
      screen.draw(topFrame({ now, before, order, failure }, screen.size()));
      const key = await screen.key(Math.max(0, nextAt - performance.now()));
      if (key === "q") return;
      order = orderOf(key) ?? order;
      if (performance.now() < nextAt) continue;
      nextAt = performance.now() + EVERY_MS;
      try {
        const next = await look(here);
        [before, now, failure] = [now, next, undefined];
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        failure = error.message;
      }
    }
  } finally {
    screen.close();
  }
}
