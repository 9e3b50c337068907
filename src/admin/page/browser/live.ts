import type { Status } from "../../status.ts";
import type { Rate } from "../rows.ts";
import type { Tools } from "./tools.ts";

/** Runs in the browser: asks each second how it is, and puts that into the page. Its text is served: it needs nothing outside of itself. */
export function live(tools: Tools): void {
  const { words, figures, sessionRow, relayTypes } = tools;
  const { bytesText, bothText, countText } = words;
  const EVERY_MS = 1_000, PATIENCE_MS = 5_000, SLOWEST_MS = 5_000;
  const [patch, samples] = [tools.patching(), tools.sampling()];
  const query = new URLSearchParams(location.search);
  const sort = () => query.get("sort") ?? "age";
  const filter = () => query.get("filter") ?? "";
  const one = <T extends Element = HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
  const link = one("#link");
  const field = one<HTMLInputElement>("input[type=search]");
  let last: Status;
  let misses = 0, turn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function speedText({ up, down }: Rate): string {
    return bothText(up, down, (bytes) => `${bytesText(bytes)}/s`);
  }

  /** What takes two samples to know. */
  function speeds(): Readonly<Record<string, string>> {
    const { clients, failing, speed } = figures(last, words);
    const recent = samples.recent();
    const arrival = recent.clients / recent.seconds;
    return {
      clients: recent.seconds > 0 ? `${arrival.toFixed(arrival < 10 ? 1 : 0)}/s` : "–",
      came: `${clients} since the start`,
      failing: `${Math.round(100 * recent.failed / Math.max(1, recent.clients))} %`,
      failed: `${failing} since the start`,
      speed: speedText(samples.rate("all")!),
      moved: `${speed} since the start, at most ${bytesText(Math.max(...samples.past("all")))}/s lately`,
      ...Object.fromEntries(relayTypes.flatMap((type) => {
        const rate = samples.rate(type)!;
        const sum = rate.up + rate.down;
        return [[`${type}-speed`, speedText(rate)], [`${type}-rate`, sum > 0 ? `${bytesText(sum)}/s` : ""]];
      })),
    };
  }

  function showSessions(): void {
    const { place, way } = tools.sorting(sort(), tools.sessionColumns);
    const shown = last.sessions.filter(tools.fitting(filter()));
    patch.table(
      "sessions",
      tools.sorted(shown.map((session) => sessionRow(session, samples.rate(session.id), words)), place, way),
    );
    patch.text(one("#sessions + .instead"), filter() ? tools.nobodyFits : tools.nobody);
  }

  function draw(): void {
    for (const spark of document.querySelectorAll<SVGElement>("[data-spark]")) {
      const values = samples.past(spark.dataset.spark!);
      const [top, left] = [Math.max(1, ...values), samples.drawn - values.length + 1];
      const points = values.map((value, at) => `${left + at} ${(31 - 29 * value / top).toFixed(1)}`);
      const line = points.length > 1 ? `M${points.join("L")}` : "";
      spark.querySelector(".line")!.setAttribute("d", line);
      spark.querySelector(".area")!.setAttribute("d", line && `${line}V32H${left}Z`);
    }
    const most = Math.max(1, ...relayTypes.flatMap(samples.past));
    for (const band of document.querySelectorAll<SVGElement>("[data-band]")) {
      const { up, down } = samples.rate(band.dataset.band!)!;
      band.querySelector(".body")!.setAttribute("stroke-width", tools.bandWidth(up + down, most).toFixed(1));
      band.classList.toggle("moving", up + down > 0);
      band.classList.toggle("back", down > up);
    }
  }

  function show(): void {
    patch.places({ ...figures(last, words), ...speeds() });
    one("#state").className = last.parts.draining ? "bad" : "good";
    document.title = `${countText(last.sessionCount, "session")} · gate46`;
    patch.lines(one("#parts"), tools.partRows(last), "li", "span");
    showSessions();
    patch.table("upstreams", last.upstreams.map(tools.upstreamRow));
    patch.lines(one("#reasons"), tools.reasonRows(last.failures), "li", "span");
    patch.table("failures", last.failures.map((failure) => tools.failureRow(failure, Date.now(), words)));
    draw();
  }

  /** It is said once, and aloud. */
  function say(trouble: string): void {
    link.hidden = trouble === "";
    patch.text(link, trouble);
    document.documentElement.classList.toggle("lost", trouble !== "");
    if (trouble) document.title = "no answer · gate46";
  }

  async function poll(): Promise<void> {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      // Not relative: an address that a password was put into cannot be asked.
      const url = new URL("/api/status", location.origin);
      url.search = String(new URLSearchParams({ sessions: String(tools.maxSessions), filter: filter() }));
      const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status >= 400 && answer.status < 500) {
        return say("The gateway does not show this any more. Load the page again to enter its new token.");
      }
      if (!answer.ok) throw new Error(answer.statusText);
      const status: Status = await answer.json();
      if (mine !== turn) return; // somebody has typed on
      if (status.version !== document.body.dataset.version) return location.reload();
      last = status;
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

  /** The address says what is seen, so that it can be kept. */
  function seek(name: string, value: string): void {
    query.set(name, value);
    history.replaceState(null, "", `?${query}`);
    const { place, way } = tools.sorting(sort(), tools.sessionColumns);
    document.querySelectorAll("#sessions th").forEach((head, at) => {
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
  field.addEventListener("input", () => {
    seek("filter", field.value.trim());
    void poll();
  });
  field.form!.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : void poll());
  document.documentElement.classList.add("scripted");
  void poll();
}
