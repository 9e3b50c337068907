import { type AdminAccess } from "../../src/admin/access.ts";
import { ActivityLog } from "../../src/admin/activity.ts";
import { type Act, adminApp, type AdminSource } from "../../src/admin/app.ts";
import { History } from "../../src/admin/history/history.ts";
import { placeOf, type Series, series } from "../../src/admin/history/series.ts";
import type { Status } from "../../src/admin/status.ts";
import type { SessionRecord } from "../../src/events.ts";
import type { HttpServer } from "../../src/net/http/http.ts";
import { serveHttp } from "../../src/net/open.ts";
import { addressText } from "../../src/protocol/address.ts";
import { adminSource, quiet, ready } from "./memory/admin_source.ts";
import { until } from "./program/until.ts";
import { sessionRecord } from "./memory/session_record.ts";

/** A made-up gateway, whose status the page shows. */
export class MadeUp {
  readonly log = new ActivityLog();
  readonly changes: Partial<Status> = {};
  /** Whether the page loads itself again where it runs no script; else a test has all the time it wants. */
  refreshes = true;
  asked = 0;
  /** What it was made to do, and what it says of that otherwise. */
  readonly done: string[] = [];
  readonly acts: Act[] = [];
  /** All that was asked, once it is answered. */
  readonly requests: string[] = [];
  readonly does: Partial<AdminSource> = {};
  access: AdminAccess = { exposed: false };
  readonly #history = new History(Date.now);
  #server: HttpServer | undefined;

  async serve(): Promise<string> {
    const status = (wanted: Parameters<ActivityLog["activity"]>[1]): Promise<Status> => {
      this.asked++;
      return Promise.resolve({
        ...this.log.activity(1_000_000, wanted),
        version: "1.2.3",
        engine: "linux",
        workers: 2,
        upMs: performance.now(),
        listeners: ["[::]:1080"],
        parts: ready.parts,
        upstreams: [],
        certificates: [],
        wrong: [],
        rules: quiet.rules,
        room: quiet.room,
        maxSessions: quiet.maxSessions,
        reload: quiet.reload,
        drainMs: quiet.drainMs,
        ...this.changes,
      });
    };
    const source = adminSource({
      status,
      history: (span) => this.#history.past(span),
      endSessions: (unwanted) => {
        this.done.push(JSON.stringify(unwanted));
        return Promise.resolve(3);
      },
      reload: () => Promise.resolve(this.done.push("reload") > 0 ? [] : []),
      drain: () => void this.done.push("drain"),
      acted: (act) => void this.acts.push(act),
      ...this.does,
    });
    const app = adminApp(source, this.access);
    const fetch = async (request: Request, from?: string) => {
      const answer = await app.fetch(request, { from });
      this.requests.push(`${request.method} ${new URL(request.url).pathname}`);
      if (this.refreshes) return answer;
      return new Response((await answer.text()).replace(/<noscript>.*<\/noscript>/, ""), answer);
    };
    this.#server = await serveHttp({ host: "127.0.0.1", port: 0 }, { fetch });
    return `http://${addressText(this.#server.addr)}/`;
  }

  open(changes: Partial<SessionRecord> = {}): SessionRecord {
    const session = sessionRecord({ command: 1, relayType: "A", ...changes });
    this.log.listen({ type: "session-opened", session });
    return session;
  }

  close(session: SessionRecord): void {
    this.log.listen({ type: "session-closed", session });
  }

  /** Waits until a page has shown what its script was told. */
  polled(): Promise<void> {
    const { asked } = this;
    return until("the page has asked, and asked again", () => this.asked >= asked + 2);
  }

  /** That was in the last minute. */
  note(amounts: Partial<Record<Series, number>>, sessions = 0): void {
    const counts = new Float64Array(series.length);
    for (const [name, amount] of Object.entries(amounts)) counts[placeOf[name as Series]] = amount;
    this.#history.note(counts, 30_000, sessions);
  }

  stop(): Promise<void> | undefined {
    return this.#server?.close();
  }
}
