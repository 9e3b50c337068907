import type { RelayType } from "../../events.ts";
import type { Status } from "../status.ts";
import type { Words } from "./words.ts";

/** The single figures of the page, by the name of their place. Self-contained: the page's script has it too. */
export function figures(status: Status, words: Words): Readonly<Record<string, string>> {
  const {
    sessionCount,
    matchCount,
    sessions,
    relays,
    clients,
    failed,
    failedBy,
    version,
    engine,
    workers,
    upMs,
    parts,
    wrong,
    rules,
    drainsForMs,
  } = status;
  const { ageText, bytesText, countText, bothText } = words;
  const each = Object.entries(relays);
  const sum = (way: "up" | "down") => each.reduce((sum, [, relay]) => sum + relay[way], 0);
  const hidden = matchCount - sessions.length;
  const more = rules.count - rules.rules.length;
  return {
    state: drainsForMs !== undefined
      ? `draining, ${ageText(drainsForMs)} left`
      : parts.draining
      ? "about to drain"
      : "serving",
    about: `version ${version}, ${engine} engine, ${countText(workers, "worker")}`,
    running: `up ${ageText(upMs)}`.replaceAll(" ", "\u00a0"),
    worst: wrong.length === 0 ? "Nothing is wrong" : countText(wrong.length, "thing") + " to look at",
    sessions: countText(sessionCount, ""),
    relaying: `${countText(each.reduce((sum, [, relay]) => sum + relay.sessions, 0), "")} relaying`,
    came: `${countText(clients, "")} since the start`,
    failed: `${countText(failed, "")} since the start`,
    moved: `${bothText(sum("up"), sum("down"), bytesText)} since the start`,
    matching: matchCount === sessionCount ? "" : `${countText(matchCount, "")} of ${countText(sessionCount, "")} fit`,
    hidden: hidden > 0
      ? `and ${
        countText(hidden, "")
      } more: these are the youngest and those that moved the most; a filter finds the others`
      : "",
    rules: rules.count === 0
      ? "There are none."
      : `${countText(rules.count, "rule")}, ${countText(rules.neverHit, "")} never hit since the last reload` +
        (more > 0 ? `; ${countText(more, "")} are not shown` : ""),
    ...Object.fromEntries(Object.entries(failedBy).map(([kind, count]) => [`${kind}-ever`, countText(count, "")])),
    ...Object.fromEntries(each.flatMap(([type, { sessions, total, up, down }]) => [
      [`${type}-now`, countText(sessions, "")],
      [`${type}-total`, `${countText(total, "")} in all`],
      [`${type}-moved`, bothText(up, down, bytesText)],
    ])),
  };
}

/** The width of a relay type's band; the widest stands for `most`. */
export function bandWidth(value: number, most: number): number {
  return value <= 0 ? 2 : 4 + 22 * Math.sqrt(Math.min(1, value / most));
}

export const relayTypes: readonly RelayType[] = ["A", "B", "C", "D"];
