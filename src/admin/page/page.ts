import { html, raw } from "hono/html";
import type { RelayType } from "../../events.ts";
import { addressText } from "../../protocol/address.ts";
import type { FailureView, SessionView, Status } from "../status.ts";
import { style } from "./style.ts";
import { ageText, bytesText } from "./words.ts";

type Html = ReturnType<typeof html>;

/** How often a browser asks for the page again (s). */
const REFRESH_SECONDS = 3;

/** It has its style in itself, runs nothing, and is nobody's frame. */
export const pageHeaders = {
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};

const columns = {
  id: { title: "Session", of: ({ id }: SessionView) => id },
  client: { title: "Client", of: ({ client }: SessionView) => client },
  user: { title: "User", of: ({ user }: SessionView) => user ?? "" },
  destination: { title: "Destination", of: ({ destination }: SessionView) => destination ?? "" },
  type: { title: "Type", of: ({ relay }: SessionView) => relay ?? "" },
  age: { title: "Age", of: ({ ageMs }: SessionView) => ageMs },
  up: { title: "Up", of: ({ up }: SessionView) => up },
  down: { title: "Down", of: ({ down }: SessionView) => down },
} as const;

type Column = keyof typeof columns;

const numeric: ReadonlySet<Column> = new Set<Column>(["id", "age", "up", "down"]);

const relayTypes: Readonly<Record<RelayType, string>> = {
  A: "IPv4 → IPv4",
  B: "IPv4 → IPv6",
  C: "IPv6 → IPv4",
  D: "IPv6 → IPv6",
};

/** The status page; all that clients have a part in is escaped. It needs neither scripts nor anything else from anywhere. */
export function statusPage(status: Status, sort: string | undefined): Html | Promise<Html> {
  const { sessionCount, version, engine, workers, upMs, listeners, drainsForMs } = status;
  const state = drainsForMs === undefined
    ? html`<b class="good">serving</b>`
    : html`<b class="bad">draining, ${ageText(drainsForMs)} left</b>`;
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="refresh" content="${REFRESH_SECONDS}">
        <title>${sessionCount} sessions · gate46</title>
        <link rel="icon" href="data:,">
        <style>${raw(style)}</style>
      </head>
      <body>
    <header>
    <h1>gate46</h1>${state}
    <span>${sessionCount} sessions</span>
    <span class="dim">${listeners.map(addressText).join(", ")}</span>
    <span class="dim">version ${version}, ${engine} engine, ${workers} workers, up ${ageText(upMs)}</span>
    </header>
    ${relays(status)}
    ${sessions(status, sort !== undefined && Object.hasOwn(columns, sort) ? sort as Column : "age")}
    ${upstreams(status)}
    ${failures(status.failures)}
      </body>
    </html>
  `;
}

function relays({ relays }: Status): Html | Promise<Html> {
  const all = Object.values(relays).reduce((sum, { up, down }) => sum + up + down, 0);
  return html`<div class="four">${
    Object.entries(relayTypes).map(([type, families]) => {
      const { sessions, total, up, down } = relays[type as RelayType];
      return html`<section class="${type}"><span class="type">${type}</span> ${families}
<b>${sessions}</b><span class="dim">now, ${total} in all</span>
<meter min="0" max="${Math.max(1, all)}" value="${up + down}" title="its share of the bytes"></meter>
<p>↑ ${bytesText(up)} ↓ ${bytesText(down)}</p></section>`;
    })
  }</div>`;
}

function sessions({ sessions, sessionCount }: Status, sort: Column): Html | Promise<Html> {
  const { of } = columns[sort];
  const [before, after] = sort === "up" || sort === "down" ? [1, -1] : [-1, 1]; // the most first
  const sorted = sessions.toSorted((a, b) => of(a) < of(b) ? before : of(a) > of(b) ? after : 0);
  const head = (Object.keys(columns) as Column[]).map((key) =>
    html`<th scope="col" class="${numeric.has(key) ? "number" : ""}" aria-sort="${
      key !== sort ? "none" : before > 0 ? "descending" : "ascending"
    }"><a href="?sort=${key}" ${key === sort ? raw('aria-current="true"') : ""}>${columns[key].title}</a></th>`
  );
  const rows = sorted.map(({ id, client, user, command, destination, via, relay, ageMs, up, down }) =>
    html`
      <tr>
        <td class="number">${id}</td>
        <td>${client}</td>
        <td>${user ?? ""}</td>
        <td class="long">${command ?? ""} ${destination ?? ""}${via === undefined ? "" : ` via ${via}`}</td>
        <td class="type ${relay ?? ""}">${relay ?? ""}</td>
        <td class="number">${ageText(ageMs)}</td>
        <td class="number">${bytesText(up)}</td>
        <td class="number">${bytesText(down)}</td>
      </tr>
    `
  );
  const hidden = sessionCount - sessions.length;
  return html`<section><h2>Sessions</h2>${
    sessionCount === 0 ? html`<p class="dim">Nobody is connected.</p>` : html`
      <div class="scroll">
        <table>
          <thead>
            <tr>${head}</tr>
          </thead>
          <tbody>${rows}</tbody>
        </table>
      </div>${hidden > 0 ? html`<p class="dim">and ${hidden} more: gate46 sessions lists all</p>` : ""}
    `
  }</section>`;
}

function upstreams({ upstreams }: Status): Html | Promise<Html> | "" {
  if (upstreams.length === 0) return "";
  const rows = upstreams.map(({ upstream, chain, up }) =>
    html`
      <tr>
        <td>${up ? html`<b class="good">up</b>` : html`<b class="bad">down</b>`}</td>
        <td>${upstream}</td>
        <td>${chain}</td>
      </tr>
    `
  );
  return html`
    <section>
      <h2>Upstreams</h2>
      <div class="scroll">
        <table>
          <tbody>${rows}</tbody>
        </table>
      </div>
    </section>
  `;
}

function failures(failures: readonly FailureView[]): Html | Promise<Html> {
  const rows = failures.map(({ at, count, client, command, destination, end, reply, detail }) =>
    html`
      <tr>
        <td>${ageText(Math.max(0, Date.now() - at))} ago</td>
        <td class="number">${count > 1 ? `${count} ×` : ""}</td>
        <td>${client}</td>
        <td class="long">${command ?? ""} ${destination ?? ""}</td>
        <td>${reply ?? end}</td>
        <td class="long">${detail ?? ""}</td>
      </tr>
    `
  );
  return html`<section><h2>Failures</h2>${
    rows.length === 0 ? html`<p class="dim">None yet.</p>` : html`
      <div class="scroll">
        <table>
          <tbody>${rows}</tbody>
        </table>
      </div>
    `
  }</section>`;
}
