import { words } from "../../admin/page/words.ts";
import type { RelayType } from "../../events.ts";
import { type Order, orderNames } from "./orders.ts";
import { partLines } from "./healthcheck.ts";
import { type Moment, type RatedSession, ratedSessions, speedOf } from "./rates.ts";
import type { Size } from "./screen.ts";
import { sessionTable, word } from "./session_table.ts";
import type { Status } from "../../admin/status.ts";

const { ageText, bytesText, countText } = words;

type Compare = (a: RatedSession, b: RatedSession) => number;

const byText = (of: (session: RatedSession) => string | undefined): Compare => (a, b) =>
  (of(a) ?? "\uffff").localeCompare(of(b) ?? "\uffff", "en", { numeric: true });
const byFigure = (of: (session: RatedSession) => number): Compare => (a, b) => of(b) - of(a);
const rateOf = ({ upRate = 0, downRate = 0 }: RatedSession) => upRate + downRate;
const octetsOf = ({ up, down }: RatedSession) => up + down;

/** The sort orders of sessions, and the key of each. */
export const orders = {
  rate: { key: "r", compare: byFigure((session) => Math.round(rateOf(session))) },
  bytes: { key: "b", compare: byFigure(octetsOf) },
  age: { key: "a", compare: byFigure(({ ageMs }) => ageMs) },
  client: { key: "c", compare: byText(({ client }) => client) },
  user: { key: "u", compare: byText(({ user }) => user) },
  destination: { key: "d", compare: byText(({ destination }) => destination) },
} as const;

/** The sort order of a key. */
export function orderOf(key: string | undefined): Order | undefined {
  return orderNames.find((order) => orders[order].key === key);
}

/** The content of a screen. */
export interface Shown {
  readonly now: Moment;
  readonly before: Moment | undefined;
  readonly order: Order;
  /** Why `now` is outdated. */
  readonly failure?: string | undefined;
}

/** The lines of one screen, as many as fit. */
export function topFrame({ now, before, order, failure }: Shown, { rows }: Size, hasKeys = true): readonly string[] {
  const { status } = now;
  const sessions = ratedSessions(now, before)
    .toSorted((a, b) => orders[order].compare(a, b) || octetsOf(b) - octetsOf(a) || a.id - b.id);
  const above = [stateLine(status), speedLine(now, before), relayLine(status), ...troubles(status, failure), ""];
  const hidden = status.matchCount - status.sessions.length;
  const below = [
    ...hidden > 0
      ? [`and ${countText(hidden, "session")} more: these are the youngest and those that moved the most`]
      : [],
    ...hasKeys ? [keyLine(order)] : [],
  ];
  const room = Math.max(1, rows - above.length - below.length - 1);
  const table = sessionTable(sessions.slice(0, room));
  const filled = hasKeys ? Array.from({ length: Math.max(0, room + 1 - table.length) }, () => "") : [];
  return [...above, ...table, ...filled, ...below];
}

/** The state: "gate46 1.0.0, linux engine, 4 workers, up 3 d 4 h, serving". */
export function stateLine({ version, engine, workers, upMs, parts, drainsForMs }: Status): string {
  const state = drainsForMs !== undefined
    ? `draining, ${ageText(drainsForMs)} left`
    : parts.draining
    ? "about to drain"
    : "serving";
  return `gate46 ${version}, ${engine} engine, ${countText(workers, "worker")}, up ${ageText(upMs)}, ${state}`;
}

function speedLine(now: Moment, before: Moment | undefined): string {
  const { sessionCount, clients, failed } = now.status;
  const count = `${countText(sessionCount, "session")} of ${countText(clients, "client")} since the start, ${
    countText(failed, "")
  } failed`;
  if (!before) return count;
  const { up, down, clients: more } = speedOf(now, before);
  return `${count}; up ${bytesText(up)}/s, down ${bytesText(down)}/s, ${countText(Math.round(more), "client")}/s`;
}

const families: Readonly<Record<RelayType, string>> = { A: "4→4", B: "4→6", C: "6→4", D: "6→6" };

/** Sessions and relayed octets by relay type. */
export function relayLine({ relays }: Pick<Status, "relays">): string {
  return (Object.keys(families) as RelayType[]).map((type) => {
    const { sessions, up, down } = relays[type];
    return `${type} ${families[type]}: ${countText(sessions, "")}, ${bytesText(up)} up, ${bytesText(down)} down`;
  }).join(" | ");
}

/** One line for each problem. */
export function troubles(
  { parts, certificates }: Pick<Status, "parts" | "certificates">,
  failure?: string,
): readonly string[] {
  return [
    ...failure === undefined ? [] : [failure],
    ...partLines(parts).map((line) => word(line.trimEnd())),
    ...certificates.filter(({ good }) => !good).map(({ option, until }) => `certificate of ${option}: until ${until}`),
  ].map((line) => `! ${line}`);
}

function keyLine(order: Order): string {
  const keys = orderNames.map((one) => {
    const { key } = orders[one];
    return `${key} ${one}${one === order ? "*" : ""}`;
  });
  return `sorted by: ${keys.join(", ")}; q quits`;
}
