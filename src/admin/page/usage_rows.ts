import type { Finding, RulesView } from "../status.ts";
import type { Used } from "../usage/usage.ts";
import type { Row } from "./rows.ts";
import type { Words } from "./words.ts";

/** What the lines of the page say that are not sessions. Each function needs nothing outside of itself: the page's script has them too. */

/** What is wrong; the worst first. */
export function findingRow({ what, detail, grave, since }: Finding): Row {
  return {
    key: `${what}\n${detail}`,
    cells: [
      { text: what, kind: grave ? "bad" : "warn" },
      { text: detail, note: since === undefined ? "" : `since ${since.slice(0, 16).replace("T", " ")} UTC` },
    ],
  };
}

/** `what` is whose sessions a button ends, where there is to be one. */
export function usedRow(used: Used, what: "user" | "client" | undefined, { bytesText, countText }: Words): Row {
  const { name, sessions, failed, up, down } = used;
  return {
    key: name,
    cells: [
      { text: name },
      { text: countText(sessions, ""), by: sessions },
      { text: failed > 0 ? countText(failed, "") : "–", by: failed, kind: failed > 0 ? "bad" : "none" },
      { text: bytesText(up + down), by: up + down },
      ...what ? [{ text: "", kind: "acts", ends: { what, name } }] : [],
    ],
  };
}

export function ruleRow({ rule, hits }: RulesView["rules"][number], { countText }: Words): Row {
  return {
    key: rule,
    cells: [
      { text: rule },
      hits > 0 ? { text: countText(hits, ""), by: hits } : { text: "never", by: 0, kind: "none" },
    ],
  };
}
