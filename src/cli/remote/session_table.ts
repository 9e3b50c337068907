import { words } from "../../admin/page/words.ts";
import type { RatedSession } from "./rates.ts";

const { ageText, bytesText } = words;

const heads = ["ID", "CLIENT", "USER", "COMMAND", "DESTINATION", "VIA", "TYPE", "AGE", "UP", "DOWN", "UP/s", "DOWN/s"];

/** Columns of numbers, aligned to the right. */
const figures: ReadonlySet<string> = new Set(["AGE", "UP", "DOWN", "UP/s", "DOWN/s"]);

/** A line of headings and one for each session, without line ends. */
export function sessionTable(sessions: readonly RatedSession[]): readonly string[] {
  const rows = [heads, ...sessions.map(cells)];
  const widths = heads.map((_, i) => rows.reduce((most, row) => Math.max(most, row[i]!.length), 0));
  const placed = (word: string, i: number) =>
    figures.has(heads[i]!) ? word.padStart(widths[i]!) : word.padEnd(widths[i]!);
  return rows.map((row) => row.map(placed).join("  ").trimEnd());
}

function cells(session: RatedSession): readonly string[] {
  const { id, client, user, command, destination, via, relay, ageMs, up, down, upRate, downRate } = session;
  const rate = (figure: number | undefined) => figure === undefined ? "-" : bytesText(figure);
  return [
    String(id),
    ...[client, user, command, destination, via, relay].map(word),
    ageText(ageMs),
    bytesText(up),
    bytesText(down),
    rate(upRate),
    rate(downRate),
  ];
}

/** Escapes clients' text, which could control a terminal. */
export function word(text: string | undefined): string {
  return text?.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?") ?? "-";
}
