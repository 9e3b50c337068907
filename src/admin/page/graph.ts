import { html } from "hono/html";
import type { Past } from "../history/history.ts";
import type { Words } from "./words.ts";

type Html = ReturnType<typeof html>;

/** The graphs of the page, by name. */
export const graphNames = ["all", "sessions", "clients", "failures", "dials", "names", "A", "B", "C", "D"] as const;

export type GraphName = typeof graphNames[number];

/** The values of each graph, one per step. Self-contained: the page's script has it too. */
export function graphValues({ values, stepMs }: Past): Readonly<Record<GraphName, readonly number[]>> {
  const seconds = stepMs / 1_000;
  const sum = (...all: readonly (readonly number[])[]) =>
    all[0]!.map((_, step) => all.reduce((sum, values) => sum + values[step]!, 0) / seconds);
  const mean = (total: readonly number[], count: readonly number[]) =>
    total.map((value, step) => count[step]! > 0 ? value / count[step]! : 0);
  const of = (type: "A" | "B" | "C" | "D") => sum(values[`${type}-up`], values[`${type}-down`]);
  const [A, B, C, D] = [of("A"), of("B"), of("C"), of("D")];
  return {
    all: A.map((value, step) => value + B[step]! + C[step]! + D[step]!),
    sessions: values.sessions,
    clients: sum(values.clients),
    failures: sum(values.refused, values.password, values.unreachable, values.broken, values["turned-away"]),
    dials: mean(values.dialMs, values.dials),
    names: mean(values.nameMs, values.names),
    A,
    B,
    C,
    D,
  };
}

/** The current value: the mean of the last five steps, since counts arrive in bursts. Self-contained. */
export function latest(values: readonly number[]): number {
  const last = values.slice(-5);
  return last.reduce((sum, value) => sum + value, 0) / last.length;
}

/** A line through `values` in a box of 120 by 32, and the area below it. Self-contained. */
export function trace(values: readonly number[]): { readonly line: string; readonly area: string } {
  const most = Math.max(...values);
  const top = most > 0 ? most : 1, step = 120 / (values.length - 1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)} ${(31 - 29 * value / top).toFixed(1)}`);
  // A level line needs no points in between.
  const kept = points.filter((_, at) => values[at] !== values[at - 1] || values[at] !== values[at + 1]);
  const line = `M${kept.join("L")}`;
  return { line, area: `${line}V32H0Z` };
}

/** Current figures and totals of the drawn span, by the name of their place. Self-contained. */
export function pastFigures(
  { values }: Past,
  graphs: Readonly<Record<string, readonly number[]>>,
  minute: boolean,
  latest: (values: readonly number[]) => number,
  { bothText, bytesText, countText, waitText }: Words,
): Readonly<Record<string, string>> {
  const total = (series: readonly number[]) => series.reduce((sum, value) => sum + value, 0);
  const highest = (name: string) => Math.max(0, ...graphs[name]!);
  const each = (count: number) =>
    `${count >= 9.95 || count === 0 ? countText(Math.round(count), "") : count.toFixed(1)}/s`;
  const now = (all: readonly number[]) => latest(all) / (minute ? 1 : 60);
  const way = (way: "up" | "down") =>
    (["A", "B", "C", "D"] as const).reduce((sum, type) => sum + now(values[`${type}-${way}`]), 0);
  const clients = total(values.clients);
  const kinds = ["refused", "password", "unreachable", "broken", "turned-away"] as const;
  const failed = kinds.reduce((sum, kind) => sum + total(values[kind]), 0);
  const mean = (sum: readonly number[], count: readonly number[]) =>
    total(count) > 0 ? waitText(total(sum) / total(count)) : "–";
  const longest = (all: readonly number[]) => `longest ${waitText(Math.max(0, ...all))}`;
  return {
    speed: bothText(way("up"), way("down"), (bytes) => `${bytesText(bytes)}/s`),
    "speed-top": `at most ${bytesText(highest("all"))}/s`,
    "sessions-top": `at most ${countText(highest("sessions"), "")}`,
    arriving: each(now(values.clients)),
    "clients-top": `at most ${each(highest("clients"))}`,
    "failing-when": `In the last ${minute ? "minute" : "day"}, and since the start`,
    failing: `${Math.min(100, Math.round(100 * failed / Math.max(1, clients)))} %`,
    "failures-top": `${countText(Math.round(failed), "")} of ${countText(Math.round(clients), "")}`,
    dials: mean(values.dialMs, values.dials),
    "dials-top": longest(values.longestDialMs),
    names: mean(values.nameMs, values.names),
    "names-top": longest(values.longestNameMs),
    ...Object.fromEntries(kinds.map((kind) => [`${kind}-lately`, countText(Math.round(total(values[kind])), "")])),
    ...Object.fromEntries(
      (["A", "B", "C", "D"] as const).map((type) => [`${type}-speed`, `${bytesText(latest(graphs[type]!))}/s`]),
    ),
  };
}

/** A graph in its first state; the script redraws it. */
export function graph(name: GraphName, values: readonly number[]): Html | Promise<Html> {
  const { line, area } = trace(values);
  return html`
    <svg class="spark" viewBox="0 0 120 32" preserveAspectRatio="none" aria-hidden="true" data-graph="${name}">
      <path class="area" d="${area}" />
      <path class="line" d="${line}" />
    </svg>
  `;
}
