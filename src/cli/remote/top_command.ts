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

/** From one picture to the next, and between the two that a rate is made of where there is only one (ms). */
const EVERY_MS = 1_000;

/** The youngest sessions and those that moved the most: no thread of the gateway is held up by more. */
const MAX_SESSIONS = 200;

/** Rows of a picture where there is no terminal. */
const ROWS = 50;

/** `gate46 top`: what goes on, live on a terminal, else once. Rejects with NetError and ConfigError. */
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

/** Until somebody types q. Where the program does not answer, as while it is started anew, what it said last stays. */
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
