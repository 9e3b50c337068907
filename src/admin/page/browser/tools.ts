import { fitting } from "../../fitting.ts";
import { acting } from "./acting.ts";
import { patching } from "./patch.ts";
import { sampling } from "./samples.ts";
import { bandWidth, figures, relayTypes } from "../figures.ts";
import { flowTexts, scaleParts } from "../flow.ts";
import { graphValues, latest, pastFigures, trace } from "../graph.ts";
import { failureRow, partRows, sessionColumns, sessionRow, sorted, sorting, upstreamRow } from "../rows.ts";
import { findingRow, quotaRow, ruleRow, usedRow } from "../usage_rows.ts";
import { words } from "../words.ts";

/** The label of a button that ends sessions. Self-contained. */
function endLabel(what: "session" | "user" | "client", name: string): string {
  return what === "session" ? `End session ${name}` : `End all sessions of ${what} ${name}`;
}

/** Shared by the page and its script. Each function is self-contained: the script gets its text. */
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
  quotaRow,
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
  /** Groups whose sessions can be ended together. */
  endable: { clients: "client", users: "user", destinations: undefined },
  /** Maximum number of sessions on the page. */
  maxSessions: 200,
  /** Maximum length of a filter (characters). */
  maxFilter: 200,
  nobody: "No client is connected.",
  nobodyFits: "No session matches.",
} as const;

export type Tools = typeof tools;
