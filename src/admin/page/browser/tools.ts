import { fitting } from "../../fitting.ts";
import { patching } from "./patch.ts";
import { sampling } from "./samples.ts";
import { bandWidth, figures, relayTypes } from "../figures.ts";
import { failureRow, partRows, reasonRows, sessionColumns, sessionRow, sorted, sorting, upstreamRow } from "../rows.ts";
import { words } from "../words.ts";

/** What the page and its script have in common. Each function needs nothing outside of itself: the script gets its text. */
export const tools = {
  fitting,
  figures,
  bandWidth,
  failureRow,
  partRows,
  reasonRows,
  sessionRow,
  upstreamRow,
  sorted,
  sorting,
  words,
  patching,
  sampling,
  sessionColumns,
  relayTypes,
  /** Sessions on the page. */
  maxSessions: 200,
  /** Letters of a filter. */
  maxFilter: 200,
  nobody: "Nobody is connected. Sessions stand here while they last.",
  nobodyFits: "No session fits.",
} as const;

export type Tools = typeof tools;
