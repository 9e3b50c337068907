import type { Finding, QuotaView, RulesView } from "../status.ts";
import type { Used } from "../usage/usage.ts";
import type { Row } from "./rows.ts";
import type { Words } from "./words.ts";

/** The lines of the page other than sessions. Each function is self-contained: the page's script has them too. */

/** The row of one finding. */
export function findingRow({ what, detail, grave, since }: Finding): Row {
  return {
    key: `${what}\n${detail}`,
    cells: [
      { text: what, kind: grave ? "bad" : "warn" },
      { text: detail, note: since === undefined ? "" : `since ${since.slice(0, 16).replace("T", " ")} UTC` },
    ],
  };
}

/** `what` is the kind of owner whose sessions the button ends; undefined for no button. */
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

export function quotaRow({ user, bytes, used, until }: QuotaView, { bytesText }: Words): Row {
  const percent = Math.floor(used / bytes * 100);
  return {
    key: user,
    cells: [
      { text: user },
      { text: `${percent} %`, by: percent, kind: used >= bytes ? "bad" : percent >= 90 ? "warn" : "" },
      { text: bytesText(used), by: used, note: `of ${bytesText(bytes)}` },
      { text: `${until.slice(0, 16).replace("T", " ")} UTC` },
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
