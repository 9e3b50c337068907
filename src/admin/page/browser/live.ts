import type { Past } from "../../history/history.ts";
import type { Status } from "../../status.ts";
import type { Tools } from "./tools.ts";

/** Runs in the browser: requests the status each second and updates the page. Its text is served, so it is self-contained. */
export function live(tools: Tools): void {
  const { words, figures, sessionRow, relayTypes } = tools;
  const { countText } = words;
  const EVERY_MS = 1_000, PATIENCE_MS = 5_000, SLOWEST_MS = 5_000;
  /** Interval between updates of the day (ms), which has minute steps. */
  const DAY_MS = 20_000;
  const [patch, samples] = [tools.patching(tools.endLabel), tools.sampling()];
  const query = new URLSearchParams(location.search);
  const sort = () => query.get("sort") ?? "age";
  const filter = () => query.get("filter") ?? "";
  const span = () => query.get("span") === "day" ? "day" : "minute";
  const one = <T extends Element = HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
  const link = one("#link");
  const field = one<HTMLInputElement>("input[type=search]");
  let last: Status;
  let past: Past;
  let pastSpan = "", pastAt = 0;
  let misses = 0, turn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function showSessions(): void {
    const { place, way } = tools.sorting(sort(), tools.sessionColumns);
    const shown = last.sessions.filter(tools.fitting(filter()));
    patch.table(
      "sessions",
      tools.sorted(shown.map((session) => sessionRow(session, samples.rate(session.id), words)), place, way),
    );
    patch.text(one("#sessions + .instead"), filter() ? tools.nobodyFits : tools.nobody);
  }

  /** Draws the graphs, and returns their figures. */
  function draw(): Readonly<Record<string, string>> {
    const graphs = tools.graphValues(past);
    for (const graph of document.querySelectorAll<SVGElement>("[data-graph]")) {
      const { line, area } = tools.trace(graphs[graph.dataset.graph as keyof typeof graphs]);
      graph.querySelector(".line")!.setAttribute("d", line);
      graph.querySelector(".area")!.setAttribute("d", area);
    }
    const rates = Object.fromEntries(relayTypes.map((type) => [type, tools.latest(graphs[type])]));
    const most = Math.max(1, ...relayTypes.flatMap((type) => graphs[type]));
    for (const band of document.querySelectorAll<SVGElement>("[data-band]")) {
      const type = band.dataset.band as typeof relayTypes[number];
      const [up, down] = [tools.latest(past.values[`${type}-up`]), tools.latest(past.values[`${type}-down`])];
      band.querySelector(".body")!.setAttribute("stroke-width", tools.bandWidth(rates[type]!, most).toFixed(1));
      band.classList.toggle("moving", up + down > 0);
      band.classList.toggle("back", down > up);
    }
    return {
      ...tools.pastFigures(past, graphs, span() === "minute", tools.latest, words),
      ...tools.flowTexts({ rates, most }, tools.scaleParts, words),
    };
  }

  function show(): void {
    patch.places({ ...figures(last, words), ...draw() });
    one("#state").className = last.parts.draining ? "bad" : "good";
    document.title = `${countText(last.sessionCount, "session")} · gate46`;
    patch.lines(one("#parts"), tools.partRows(last), "li", "span");
    patch.lines(one("#findings"), last.wrong.map(tools.findingRow), "li", "span");
    one("#wrong").classList.toggle("nothing", last.wrong.length === 0);
    for (const group of ["clients", "users", "destinations"] as const) {
      patch.table(group, last.most[group].map((used) => tools.usedRow(used, tools.endable[group], words)));
    }
    if (document.getElementById("quotas")) {
      patch.table("quotas", (last.quotas ?? []).map((quota) => tools.quotaRow(quota, words)));
    }
    patch.table("rules", last.rules.rules.map((rule) => tools.ruleRow(rule, words)));
    showSessions();
    patch.table("upstreams", last.upstreams.map(tools.upstreamRow));
    patch.table("failures", last.failures.map((failure) => tools.failureRow(failure, Date.now(), words)));
  }

  /** Shows a problem; screen readers announce it once. */
  function say(trouble: string): void {
    link.hidden = trouble === "";
    patch.text(link, trouble);
    document.documentElement.classList.toggle("lost", trouble !== "");
    if (trouble) document.title = "no answer · gate46";
  }

  function asked(path: string, search: Readonly<Record<string, string>>): Promise<Response> {
    const url = new URL(path, location.origin); // not relative: fetch() refuses an address that contains a password
    url.search = String(new URLSearchParams(search));
    return fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  async function poll(): Promise<void> {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const wanted = span(), now = performance.now();
      const isKnown = wanted === "day" && pastSpan === wanted && now - pastAt < DAY_MS;
      const [answer, history] = await Promise.all([
        asked("/api/status", { sessions: String(tools.maxSessions), filter: filter() }),
        isKnown ? undefined : asked("/api/history", { span: wanted }),
      ]);
      if (answer.status >= 400 && answer.status < 500) {
        return say("The gateway does not show this any more. Load the page again to enter its new token.");
      }
      if (!answer.ok || history?.ok === false) throw new Error(answer.statusText);
      const [status, then]: [Status, Past] = await Promise.all([answer.json(), history?.json() ?? past]);
      if (mine !== turn) return; // a later request has replaced this one
      if (status.version !== document.body.dataset.version) return location.reload();
      last = status;
      past = then;
      if (!isKnown) [pastSpan, pastAt] = [wanted, now];
      misses = 0;
      say("");
      samples.take(last);
      show();
    } catch {
      if (mine !== turn) return;
      const since = new Date().toLocaleTimeString();
      if (misses++ === 0) {
        say(`The gateway has not answered since ${since}. What you see is as of then; it is asked again.`);
      }
    }
    if (!document.hidden) timer = setTimeout(poll, Math.min(EVERY_MS * 2 ** Math.max(0, misses - 1), SLOWEST_MS));
  }

  /** Puts the current view into the page's address, so that it can be bookmarked. */
  function seek(name: string, value: string): void {
    query.set(name, value);
    history.replaceState(null, "", `?${query}`);
    const { place, way } = tools.sorting(sort(), tools.sessionColumns);
    document.querySelectorAll("#sessions th[data-column]").forEach((head, at) => {
      head.ariaSort = at !== place ? "none" : way > 0 ? "ascending" : "descending";
    });
    if (misses === 0 && last) showSessions();
  }

  one("#sessions thead").addEventListener("click", (event) => {
    const column = (event.target as Element).closest("a")?.closest("th")?.dataset.column;
    if (!column) return;
    event.preventDefault();
    seek("sort", sort() === column ? `-${column}` : column);
  });
  one(".spans").addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLElement>("[data-span]");
    if (!link) return;
    event.preventDefault();
    for (const other of document.querySelectorAll("[data-span]")) other.ariaCurrent = other === link ? "true" : null;
    seek("span", link.dataset.span!);
    void poll();
  });
  field.addEventListener("input", () => {
    seek("filter", field.value.trim());
    void poll();
  });
  field.form!.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : void poll());
  document.documentElement.classList.add("scripted");
  tools.acting(tools, () => last, () => void poll());
  void poll();
}
