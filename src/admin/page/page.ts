import { html, raw } from "hono/html";
import type { RelayType } from "../../events.ts";
import type { AdminAccess } from "../access.ts";
import type { Past } from "../history/history.ts";
import type { Status } from "../status.ts";
import { groups } from "../usage/usage.ts";
import { figures, relayTypes } from "./figures.ts";
import { flow, flowTexts, scaleParts } from "./flow.ts";
import { graph, type GraphName, graphValues, latest, pastFigures } from "./graph.ts";
import { failureRow, partRows, type Row, sessionColumns, sessionRow, sorted, sorting, upstreamRow } from "./rows.ts";
import { script, sha256 } from "./script.ts";
import { style } from "./style.ts";
import { tools } from "./browser/tools.ts";
import { findingRow, quotaRow, ruleRow, usedRow } from "./usage_rows.ts";
import { words } from "./words.ts";

type Html = ReturnType<typeof html>;
type Markup = Html | Promise<Html>;
type Place = (name: string) => Markup;

/** Interval between reloads of the page in a browser without scripts (s). */
const REFRESH_SECONDS = 5;

/** What the user wants to see, and may do. */
export interface View {
  readonly sort: string | undefined;
  readonly filter: string;
  readonly past: Past;
  readonly access: AdminAccess;
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

const failures = {
  refused: "By a rule",
  password: "Wrong password",
  unreachable: "Not reachable",
  broken: "Broken",
  "turned-away": "Turned away",
};

/** The page contains its style and script; runs no other script, connects to no other host, and cannot be framed. */
export async function pageHeaders(): Promise<Readonly<Record<string, string>>> {
  const [scriptHash, styleHash] = await Promise.all([sha256(script), sha256(style)]);
  return {
    "Content-Security-Policy":
      `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; connect-src 'self'; img-src data:; ` +
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
  };
}

/** The status page. Text from clients is escaped. A script updates the page; without scripts the page reloads itself. */
export function statusPage(status: Status, view: View): Markup {
  const { past, access } = view;
  const graphs = graphValues(past);
  const rates = Object.fromEntries(relayTypes.map((type) => [type, latest(graphs[type])]));
  const flowing = { rates, most: Math.max(1, ...relayTypes.flatMap((type) => graphs[type])) };
  const minute = past.stepMs === 1_000;
  const is: Readonly<Record<string, string>> = {
    ...figures(status, words),
    ...pastFigures(past, graphs, minute, latest, words),
    ...flowTexts(flowing, scaleParts, words),
  };
  const place: Place = (name) => html`<span data-is="${name}">${is[name] ?? ""}</span>`;
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
      <body data-version="${status.version}" class="${access.token === undefined ? "" : "acting"}">
        ${header(status, access, place)}
        <p id="link" role="status" hidden></p>
        <p id="said" role="status"></p>
        <main>
    ${wrong(status, place)}
    ${tiles(graphs, minute, view, place)}
    <section class="relays" aria-labelledby="relays-head"><h2 id="relays-head">Relay types</h2>
    ${flow(flowing, is)}
    <div class="four">${relayTypes.map((type) =>
      html`<div class="card ${type}"><h3><b class="type">${type}</b> ${families[type]}</h3>
<p><b>${place(`${type}-now`)}</b> now <span class="dim">${place(`${type}-total`)}</span></p>
<p class="speed">${place(`${type}-speed`)}</p>
<p class="dim moved">${place(`${type}-moved`)}</p>${graph(type, graphs[type])}</div>`
    )}</div></section>
    ${most(status, place)}
    ${failed(status, place)}
    ${sessions(status, view, place)}
    ${section("upstreams", "Upstreams", ["State", "Upstream", "Chain"], {
      rows: status.upstreams.map(upstreamRow),
      empty: "None: destinations are dialled directly.",
    })}
        </main>
        ${question}
        <script>${raw(script)}</script>
      </body>
    </html>
  `;
}

function header(status: Status, access: AdminAccess, place: Place): Markup {
  return html`
    <header>
      <h1>gate46</h1>
      <b id="state" class="${status.parts.draining ? "bad" : "good"}">${place("state")}</b>
      <span class="dim">${place("about")} · ${place("running")}</span>
      <nav aria-label="More about this gateway">
        <a href="metrics">Metrics</a>
        <a href="api/status">JSON</a>
        <a href="help">Documentation</a>
      </nav>
      <div class="doing scripted">
        <button type="button" data-does="reload">Reload</button>
        <button type="button" data-does="drain">Drain</button>
      </div>
      <p id="access" class="dim">${accessText(access)}</p>
      <ul id="parts" aria-label="Readiness">${lines(partRows(status), "li", "span")}</ul>
    </header>
  `;
}

/** The user's access, as text. */
function accessText({ token, unix }: AdminAccess): string {
  if (token !== undefined) return "You may look. To act, you need the token.";
  const who = unix ? "Everyone who may open the socket" : "Everyone on this machine";
  return `${who} may look. Nobody may act: --admin-token-file is not set.`;
}

function wrong({ wrong }: Status, place: Place): Markup {
  return html`
    <section class="wrong ${wrong.length === 0 ? "nothing" : ""}" id="wrong" aria-labelledby="wrong-head">
      <h2 id="wrong-head">${place("worst")}</h2>
      <ul id="findings">${lines(wrong.map(findingRow), "li", "span")}</ul>
    </section>
  `;
}

function tiles(
  graphs: Readonly<Record<GraphName, readonly number[]>>,
  minute: boolean,
  { sort, filter }: View,
  place: Place,
): Markup {
  const tile = (title: string, name: GraphName, figure: string, ...notes: readonly string[]) =>
    html`
      <div class="tile ${name}">
        <dt>${title}</dt>
        <dd><b>${place(figure)}</b>${graph(name, graphs[name])}${notes.map((note) =>
          html`<small>${place(note)}</small>`
        )}</dd>
      </div>
    `;
  const link = (span: string, text: string, shown: boolean) =>
    html`
      <a href="?${new URLSearchParams({ ...sort !== undefined && { sort }, filter, span })}" data-span="${span}" ${shown
        ? raw(' aria-current="true"')
        : ""}>${text}</a>
    `;
  return html`
    <section class="rates" aria-labelledby="rates-head">
      <div class="bar">
        <h2 id="rates-head">Rates</h2>
        <p class="spans">${link("minute", "last minute", minute)} ${link("day", "last day", !minute)}</p>
      </div>
      <dl class="tiles">
        ${tile("Throughput", "all", "speed", "speed-top", "moved")}
        ${tile("Sessions", "sessions", "sessions", "sessions-top", "relaying")}
        ${tile("New clients", "clients", "arriving", "clients-top", "came")}
        ${tile("Failures", "failures", "failing", "failures-top", "failed")}
        ${tile("Time to connect", "dials", "dials", "dials-top")}
        ${tile("Time of DNS", "names", "names", "names-top")}
      </dl>
    </section>
  `;
}

function most({ most, quotas, rules }: Status, place: Place): Markup {
  const heads = ["Sessions", "Failed", "Octets"];
  return html`
    <div class="most">${groups.map((group) => {
      const what = tools.endable[group];
      const title = group[0]!.toUpperCase() + group.slice(1);
      return section(group, `Top ${group}`, [title.slice(0, -1), ...heads, ...what ? [""] : []], {
        rows: most[group].map((used) => usedRow(used, what, words)),
        empty: "None in the last minutes.",
      });
    })}${quotas
      ? section("quotas", "Quotas", ["User", "Used", "Octets", "Until"], {
        rows: quotas.map((quota) => quotaRow(quota, words)),
        empty: "",
      })
      : ""}${section("rules", "Rules hit", ["Rule", "Hits"], {
        rows: rules.rules.map((rule) => ruleRow(rule, words)),
        empty: "",
        above: html`<p class="dim">${place("rules")}</p>`,
      })}</div>
  `;
}

function failed(status: Status, place: Place): Markup {
  return section("failures", "Failures", ["When", "Times", "Reason", "Client", "Destination"], {
    rows: status.failures.map((failure) => failureRow(failure, Date.now(), words)),
    empty: "No failures yet.",
    above: html`
      <p class="dim">${place("failing-when")}</p>
      <dl class="kinds">${Object.entries(failures).map(([kind, title]) =>
        html`
          <div class="${kind}">
            <dt>${title}</dt>
            <dd><b>${place(`${kind}-lately`)}</b> <small>/ ${place(`${kind}-ever`)}</small></dd>
          </div>
        `
      )}</dl>
    `,
  });
}

function sessions(status: Status, { sort = "age", filter, past }: View, place: Place): Markup {
  const day: { readonly span?: "day" } = past.stepMs === 1_000 ? {} : { span: "day" };
  const { place: by, way } = sorting(sort, sessionColumns);
  const heads = sessionColumns.map((column, at) => {
    // A second click reverses the order.
    const turned = at === by && !sort.startsWith("-") ? `-${column}` : column;
    const query = new URLSearchParams({ sort: turned, filter, ...day.span && { span: day.span } });
    return html`
      <th scope="col" role="columnheader" data-column="${column}"
        aria-sort="${at !== by
          ? "none"
          : way > 0
          ? "ascending"
          : "descending"}"><a href="?${query}">${titles[column]}</a></th>
    `;
  });
  const rows = status.sessions.map((session) => sessionRow(session, undefined, words));
  return html`<section class="fold" aria-labelledby="sessions-head"><div class="bar"><h2 id="sessions-head">Sessions</h2>
<form role="search"><input type="hidden" name="sort" value="${sort}">${
    day.span ? html`<input type="hidden" name="span" value="day">` : ""
  }
<span class="dim">${place("matching")}</span>
<input type="search" name="filter" value="${filter}" placeholder="Filter" aria-label="Filter sessions by client, user, destination or type" autocomplete="off" spellcheck="false" maxlength="${tools.maxFilter}">
<button class="unscripted">Filter</button></form></div>${
    table("sessions", [...heads, head("")], {
      rows: sorted(rows, by, way),
      empty: filter ? tools.nobodyFits : tools.nobody,
    })
  }${more("sessions")}<p class="dim hidden">${place("hidden")}</p></section>`;
}

/** Asks for confirmation of an action. The script sets its text; without scripts it never opens. */
const question = html`
  <dialog id="ask" aria-labelledby="ask-what">
    <form method="dialog">
      <h2 id="ask-what"></h2>
      <p id="ask-why"></p>
      <p id="ask-token"><label for="token">The token of --admin-token-file</label>
        <input id="token" type="password" autocomplete="off" spellcheck="false"></p>
      <p id="ask-trouble" class="bad" role="alert"></p>
      <div class="bar">
        <button type="button" id="ask-not">Cancel</button>
        <button id="ask-do"></button>
      </div>
    </form>
  </dialog>
`;

function head(title: string): Markup {
  return title === ""
    ? html`<th scope="col" role="columnheader" class="acts"><span class="unseen">End</span></th>`
    : html`<th scope="col" role="columnheader">${title}</th>`;
}

interface Table {
  readonly rows: readonly Row[];
  /** The text shown if there are no rows. */
  readonly empty: string;
  readonly above?: Markup;
}

/** On small screens only the first lines are shown until the user opens the rest. */
function section(id: string, title: string, heads: readonly string[], { above = html``, ...of }: Table): Markup {
  return html`
    <section class="fold ${id}-section"
      aria-labelledby="${id}-head"><h2 id="${id}-head">${title}</h2>${above}${table(id, heads.map(head), of)}${more(
        id,
      )}</section>
  `;
}

function more(id: string): Markup {
  return html`<label class="more"><input type="checkbox" aria-label="Show all ${id}"> more</label>`;
}

/** The roles are for small screens, where the cards' layout removes the table's semantics. */
function table(id: string, heads: readonly Markup[], { rows, empty }: Table): Markup {
  return html`
    <div class="scroll" role="group" tabindex="0" aria-labelledby="${id}-head">
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

/** The script makes the same markup. */
function lines(rows: readonly Row[], line: "tr" | "li", part: "td" | "span"): readonly Markup[] {
  const [lineTag, partTag] = line === "tr" ? [raw('tr role="row"'), raw('td role="cell"')] : [raw(line), raw(part)];
  return rows.map(({ key, cells }) =>
    html`<${lineTag} data-key="${key}">${
      cells.map(({ text, note = "", kind = "", ends }) =>
        html`
          <${partTag} class="${kind}"><span>${text}</span><small>${note}</small>${ends
            ? html`<button type="button" data-does="${ends.what}" data-name="${ends.name}" aria-label="${
              tools.endLabel(ends.what, ends.name)
            }">End</button>`
            : ""}</${raw(part)}>
        `
      )
    }</${raw(line)}>`
  );
}
