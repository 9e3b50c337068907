import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { ipAddress } from "../protocol/address.ts";
import { type AdminAccess, changeAccess, mayChange, pageAccess, readAccess } from "./access.ts";
import { exposition, formats } from "./counted/aggregate.ts";
import type { Snapshot } from "./counted/collected.ts";
import type { Past, Span } from "./history/history.ts";
import { pageHeaders, statusPage } from "./page/page.ts";
import { tools } from "./page/browser/tools.ts";
import { proxyPac, type ProxyWays } from "./proxy_pac.ts";
import type { Health } from "./readiness.ts";
import type { Status, Unwanted, WantedSessions } from "./status.ts";

/** The program, as the admin endpoint reads and controls it. */
export interface AdminSource {
  health(): Health;
  /** True if any thread still serves clients; if not, only a restart helps. */
  alive(): boolean;
  /** Metrics of each thread and of the program; undefined during the start. */
  metrics(): Promise<readonly Snapshot[] | undefined>;
  /** Undefined as long as it starts. */
  status(sessions: WantedSessions): Promise<Status | undefined>;
  /** The history of the program. */
  history(span: Span): Past;
  /** Ends sessions at once; resolves with their number. */
  endSessions(unwanted: Unwanted): Promise<number>;
  /** Resolves with the problems; if there are any, nothing has changed. */
  reload(): Promise<readonly string[]>;
  /** Begins to drain, as SIGTERM does. */
  drain(): void;
  /** The proxies for browsers; undefined during the start. */
  proxyWays(): ProxyWays | undefined;
  /** The help text of every option. */
  help(): string;
  /** Called after an operator's action. */
  acted(act: Act): void;
}

/** An operator's action. */
export interface Act {
  /** The address of the request; "unix" for the unix socket. */
  readonly by: string;
  /** As `end session 7`. */
  readonly what: string;
  readonly result: string;
}

/** The environment of a request. */
type Beside = { Bindings: { readonly from?: string | undefined } };

export type AdminApp = Hono<Beside>;

/** Maximum sessions listed, if the request sets no other. */
const MAX_SESSIONS = 1_000;

/** Answers must not be cached, used by other sites, or taken for another content type. */
const headersOfAll = {
  "Cache-Control": "no-store",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
} as const;

/** The admin endpoint: for probes, Prometheus and `gate46 sessions`. */
export function adminApp(source: AdminSource, access: AdminAccess): AdminApp {
  const app: AdminApp = new Hono();
  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(headersOfAll)) context.header(name, value); // later: costs the length
    await next();
  });
  app.get("/healthz", (context) => {
    const alive = source.alive();
    return context.json({ alive }, alive ? 200 : 503);
  });
  app.get("/readyz", (context) => {
    const now = source.health();
    return context.json(now, now.ready ? 200 : 503);
  });
  app.get("/proxy.pac", (context) => {
    const ways = source.proxyWays();
    if (!ways) return context.text("not started\n", 503);
    const host = calledHost(context.req.url);
    if (!host) return context.text("Cannot tell a browser where to go: its Host is not a name\n", 400);
    context.header("Content-Type", "application/x-ns-proxy-autoconfig");
    return context.body(proxyPac(ways, host));
  });
  app.get("/metrics", readAccess(access), async (context) => {
    const snapshots = await source.metrics();
    if (!snapshots) return context.text("not started\n", 503);
    const types = formats.map((format) => format.split(";")[0]!);
    const type = accepts(context, { header: "Accept", supports: types, default: types[0]! });
    const format = formats[types.indexOf(type)]!;
    context.header("Content-Type", format);
    return context.body(await exposition(snapshots, format));
  });
  app.get("/", pageAccess(access), async (context) => {
    const { sort, span } = context.req.query();
    const filter = filterOf(context);
    const status = await source.status({ most: tools.maxSessions, filter });
    if (!status) return context.text("not started\n", 503);
    const view = { sort, filter, past: source.history(span === "day" ? "day" : "minute"), access };
    for (const [name, value] of Object.entries(await pageHeaders())) context.header(name, value);
    return context.html(await statusPage(status, view));
  });
  app.get("/api/status", readAccess(access), async (context) => {
    const { sessions = MAX_SESSIONS } = context.req.query();
    const asked = Number(sessions);
    const most = Number.isInteger(asked) && asked >= 0 ? asked : MAX_SESSIONS;
    const status = await source.status({ most, filter: filterOf(context) });
    if (!status) return context.json({ error: "not started" }, 503);
    return context.json({ ...status, access: { mayChange: await mayChange(access, context) } });
  });
  app.get("/help", readAccess(access), (context) => context.text(source.help()));
  app.get("/api/history", readAccess(access), (context) => {
    const { span = "minute" } = context.req.query();
    if (span === "minute" || span === "day") return context.json(source.history(span));
    return context.json({ error: `Cannot tell the history of '${span.slice(0, 40)}': say minute or day` }, 400);
  });
  const change = changeAccess(access);
  const acted = ({ env }: Context<Beside>, what: string, result: string) => {
    source.acted({ by: env?.from ?? "unix", what, result });
  };
  app.delete("/api/sessions/:id{[0-9]+}", change, async (context) => {
    const id = Number(context.req.param("id"));
    const ended = await source.endSessions({ id });
    acted(context, `end session ${id}`, `${ended} ended`);
    if (ended > 0) return context.json({ ended: id });
    return context.json({ error: `Cannot end session ${id}: there is none` }, 404);
  });
  app.delete("/api/sessions", change, async (context) => {
    const { user, client } = context.req.query();
    const host = client && ipAddress(client, 0)?.host;
    if ((user === undefined) === (client === undefined) || (client !== undefined && !host)) {
      return context.json({ error: "Cannot end sessions: give ?user=NAME or ?client=IP" }, 400);
    }
    const ended = await source.endSessions(host ? { client: host } : { user: user! });
    acted(context, host ? `end sessions of client ${host}` : `end sessions of user ${user}`, `${ended} ended`);
    return context.json({ ended });
  });
  app.post("/reload", change, async (context) => {
    const problems = await source.reload();
    acted(context, "reload", problems.length === 0 ? "reloaded" : `refused: ${problems.join("; ")}`);
    return context.json({ reloaded: problems.length === 0, problems }, problems.length === 0 ? 200 : 409);
  });
  app.post("/drain", change, (context) => {
    source.drain();
    acted(context, "drain", "draining");
    return context.json({ draining: true }, 202);
  });
  app.notFound((context) => {
    const { method, path } = context.req;
    const allowed = ["GET", "POST", "DELETE"].filter((method) => serves(app, method, path));
    if (allowed.length === 0) return context.json({ error: `Cannot ${method} ${path}: there is none` }, 404);
    context.header("Allow", allowed.join(", ").replace("GET", "GET, HEAD"));
    return context.json({ error: `Cannot ${method} ${path}: it takes ${allowed.join(" and ")}` }, 405);
  });
  return app;
}

/** The browser's name for this machine; undefined if it is not a plain host. */
function calledHost(url: string): string | undefined {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : "";
  return /^[0-9a-z_.:-]+$/i.test(host) ? host : undefined;
}

function serves(app: AdminApp, method: string, path: string): boolean {
  return app.router.match(method, path)[0].some(([[, route]]) => route.method === method);
}

/** The filter, cut to its maximum length: the serving thread compares each session with each of its words. */
function filterOf({ req }: Context<Beside>): string {
  return (req.query("filter") ?? "").slice(0, tools.maxFilter);
}
