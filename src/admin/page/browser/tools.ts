import { fitting } from "../../fitting.ts";
import { acting } from "./acting.ts";
import { patching } from "./patch.ts";
import { sampling } from "./samples.ts";
import { bandWidth, figures, relayTypes } from "../figures.ts";
import { flowTexts, scaleParts } from "../flow.ts";
import { graphValues, latest, pastFigures, trace } from "../graph.ts";
import { failureRow, partRows, sessionColumns, sessionRow, sorted, sorting, upstreamRow } from "../rows.ts";
import { findingRow, ruleRow, usedRow } from "../usage_rows.ts";
import { words } from "../words.ts";

/** What a button that ends sessions is called. It needs nothing outside of itself. */
function endLabel(what: "session" | "user" | "client", name: string): string {
  return what === "session" ? `End session ${name}` : `End all sessions of ${what} ${name}`;
}

/** What the page and its script have in common. Each function needs nothing outside of itself: the script gets its text. */
export const tools = {
  fitting,
  figures,
  graphValues,
  latest,
  pastFigures,
  trace,
  flowTexts,
  bandWidth,
  failureRow,
  findingRow,
  partRows,
  ruleRow,
  sessionRow,
  upstreamRow,
  usedRow,
  sorted,
  sorting,
  words,
  patching,
  sampling,
  acting,
  endLabel,
  sessionColumns,
  relayTypes,
  scaleParts,
  /** Whose sessions can be ended together. */
  endable: { clients: "client", users: "user", destinations: undefined },
  /** Sessions on the page. */
  maxSessions: 200,
  /** Letters of a filter. */
  maxFilter: 200,
  nobody: "Nobody is connected. Sessions stand here while they last.",
  nobodyFits: "No session fits.",
} as const;

export type Tools = typeof tools;
