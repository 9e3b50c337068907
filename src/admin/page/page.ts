import { html, raw } from "hono/html";
import type { RelayType } from "../../events.ts";
import type { Status } from "../status.ts";
import { figures, relayTypes } from "./figures.ts";
import { flow, sparkline } from "./flow.ts";
import {
  failureRow,
  partRows,
  reasonRows,
  type Row,
  sessionColumns,
  sessionRow,
  sorted,
  sorting,
  upstreamRow,
} from "./rows.ts";
import { script, sha256 } from "./script.ts";
import { style } from "./style.ts";
import { tools } from "./browser/tools.ts";
import { words } from "./words.ts";

type Html = ReturnType<typeof html>;

/** How often a browser that runs no script asks for the page again (s). */
const REFRESH_SECONDS = 5;

/** What somebody wants to see of the sessions. */
export interface View {
  readonly sort: string | undefined;
  readonly filter: string;
}

const titles = {
  id: "ID",
  client: "Client",
  destination: "Destination",
  type: "Type",
  age: "Age",
  up: "Up",
  down: "Down",
  rate: "Rate",
};

const families: Readonly<Record<RelayType, string>> = {
  A: "IPv4 → IPv4",
  B: "IPv4 → IPv6",
  C: "IPv6 → IPv4",
  D: "IPv6 → IPv6",
};

/** It has its style and script in itself, runs no other, asks nobody else, and is nobody's frame. */
export async function pageHeaders(): Promise<Readonly<Record<string, string>>> {
  const [scriptHash, styleHash] = await Promise.all([sha256(script), sha256(style)]);
  return {
    "Content-Security-Policy":
      `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; connect-src 'self'; img-src data:; ` +
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
  };
}

/** The status page. All that clients have a part in is escaped. Its script keeps it up to date; without one it loads itself again. */
export function statusPage(status: Status, view: View): Html | Promise<Html> {
  const is = figures(status, words);
  const place = (name: string) => html`<span data-is="${name}">${is[name] ?? ""}</span>`;
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>
        <title>${is.sessions} sessions · gate46</title>
        <link rel="icon" href="data:,">
        <style>${raw(style)}</style>
      </head>
      <body data-version="${status.version}">
        <header>
          <h1>gate46</h1>
          <b id="state" class="${status.parts.draining ? "bad" : "good"}">${place("state")}</b>
          <span class="dim">${place("about")} · ${place("running")}</span>
          <ul id="parts" aria-label="Readiness">${lines(partRows(status), "li", "span")}</ul>
        </header>
        <p id="link" role="status" hidden></p>
        <main>
    <dl class="tiles">
    ${tile("Sessions", place("sessions"), place("relaying"))}
    ${tile("Clients", place("clients"), place("came"))}
    ${tile("Failures", place("failing"), place("failed"))}
    ${tile("Throughput", place("speed"), html`${place("moved")}${sparkline("all")}`)}
    </dl>
    <section class="relays" aria-labelledby="relays-head"><h2 id="relays-head">Relay types</h2>
    ${flow(status)}
    <div class="four">${relayTypes.map((type) =>
      html`<div class="card ${type}"><h3><b class="type">${type}</b> ${families[type]}</h3>
<p><b>${place(`${type}-now`)}</b> now <span class="dim">${place(`${type}-total`)}</span></p>
<p class="scripted speed">${place(`${type}-speed`)}</p>
<p class="dim">${place(`${type}-moved`)}</p>${sparkline(type)}</div>`
    )}</div></section>
    ${sessions(status, view, place)}
    <section class="upstreams" aria-labelledby="upstreams-head"><h2 id="upstreams-head">Upstreams</h2>${table(
      "upstreams",
      ["State", "Upstream", "Chain"].map(head),
      {
        rows: status.upstreams.map(upstreamRow),
        empty: "None: destinations are dialled directly.",
      },
    )}</section>
    <section class="failures" aria-labelledby="failures-head"><h2 id="failures-head">Recent failures</h2><ul id="reasons">${lines(
      reasonRows(status.failures),
      "li",
      "span",
    )}</ul>${table(
      "failures",
      ["When", "Times", "Reason", "Client", "Destination"].map(head),
      {
        rows: status.failures.map((failure) => failureRow(failure, Date.now(), words)),
        empty: "None yet. What clients could not have, and why, would stand here.",
      },
    )}</section>
        </main>
        <script>${raw(script)}</script>
      </body>
    </html>
  `;
}

function tile(title: string, figure: Html | Promise<Html>, note: Html | Promise<Html>): Html | Promise<Html> {
  return html`
    <div class="${title}">
      <dt>${title}</dt>
      <dd><b>${figure}</b><small>${note}</small></dd>
    </div>
  `;
}

function sessions(status: Status, { sort = "age", filter }: View, place: (name: string) => Html | Promise<Html>) {
  const { place: by, way } = sorting(sort, sessionColumns);
  const heads = sessionColumns.map((column, at) => {
    // A second click sorts the other way round.
    const query = new URLSearchParams({ sort: at === by && !sort.startsWith("-") ? `-${column}` : column, filter });
    return html`
      <th scope="col" data-column="${column}"
        aria-sort="${at !== by
          ? "none"
          : way > 0
          ? "ascending"
          : "descending"}"><a href="?${query}">${titles[column]}</a></th>
    `;
  });
  const rows = status.sessions.map((session) => sessionRow(session, undefined, words));
  return html`<section aria-labelledby="sessions-head"><div class="bar"><h2 id="sessions-head">Sessions</h2>
<form role="search"><input type="hidden" name="sort" value="${sort}">
<span class="dim">${place("matching")}</span>
<input type="search" name="filter" value="${filter}" placeholder="Filter" aria-label="Filter sessions by client, user, destination or type" autocomplete="off" spellcheck="false" maxlength="${tools.maxFilter}">
<button class="unscripted">Filter</button></form></div>${
    table("sessions", heads, {
      rows: sorted(rows, by, way),
      empty: filter ? tools.nobodyFits : tools.nobody,
    })
  }<p class="dim">${place("hidden")}</p></section>`;
}

function head(title: string): Html | Promise<Html> {
  return html`<th scope="col">${title}</th>`;
}

/** The roles are for small screens, where it is laid out as cards and browsers forget that it is a table. */
function table(
  id: string,
  heads: readonly (Html | Promise<Html>)[],
  { rows, empty }: { readonly rows: readonly Row[]; readonly empty: string },
): Html | Promise<Html> {
  return html`
    <div class="scroll" role="region" tabindex="0" aria-labelledby="${id}-head">
      <table id="${id}" role="table" class="${rows.length === 0 ? "empty" : ""}">
        <thead role="rowgroup">
          <tr role="row">${heads}</tr>
        </thead>
        <tbody role="rowgroup">${lines(rows, "tr", "td")}</tbody>
      </table>
      <p class="instead">${empty}</p>
    </div>
  `;
}

/** The script makes the same of what it is told. */
function lines(rows: readonly Row[], line: "tr" | "li", part: "td" | "span"): readonly (Html | Promise<Html>)[] {
  const [lineTag, partTag] = line === "tr" ? [raw('tr role="row"'), raw('td role="cell"')] : [raw(line), raw(part)];
  return rows.map(({ key, cells }) =>
    html`<${lineTag} data-key="${key}">${
      cells.map(({ text, note = "", kind = "" }) =>
        html`
          <${partTag} class="${kind}"><span>${text}</span><small>${note}</small></${raw(part)}>
        `
      )
    }</${raw(line)}>`
  );
}
