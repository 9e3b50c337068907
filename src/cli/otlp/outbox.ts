import type { Config } from "../../config/config.ts";
import type { Emit } from "../../events.ts";
import { auditLines } from "../log/audit_lines.ts";
import { clientNaming } from "../log/clients.ts";
import { isIncluded, isProbe } from "../log/logged_sessions.ts";
import { programRun } from "../log/program_run.ts";

/** Maximum sessions between two reports, which are two seconds apart. */
const MAX_LINES = 2_000;

/** Ended sessions of one thread, for a collector. */
export interface EndedSessions {
  /** Lines of the audit log (docs/reference/audit-log.md). */
  readonly lines: string;
  /** The number of further ones, for which there was no room. */
  readonly lost: number;
}

/** Keeps a thread's ended sessions until its next report. */
export class Outbox {
  readonly #which: Config["logSessions"];
  readonly #lineOf: ReturnType<typeof auditLines>;
  #lines: string[] = [];
  #lost = 0;

  constructor({ logSessions, logClients }: Pick<Config, "logSessions" | "logClients">) {
    this.#which = logSessions;
    this.#lineOf = auditLines(programRun(), clientNaming(logClients));
  }

  readonly listen: Emit = (event) => {
    if (event.type !== "session-closed" || isProbe(event.session) || !isIncluded(event.session, this.#which)) return;
    if (this.#lines.length < MAX_LINES) this.#lines.push(this.#lineOf(event)!);
    else this.#lost++;
  };

  /** Those since the last call. */
  take(): EndedSessions {
    const taken = { lines: this.#lines.join(""), lost: this.#lost };
    this.#lines = [];
    this.#lost = 0;
    return taken;
  }
}
