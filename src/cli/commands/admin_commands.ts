import type { Health, Part } from "../../admin/readiness.ts";
import type { SessionView, Status } from "../../admin/status.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { NetError } from "../../net/error.ts";
import { readAdminToken } from "../files/admin_token.ts";
import { type Answer, askAdmin } from "./admin_request.ts";
import { loadConfig } from "../files/load_config.ts";
import { print } from "../print.ts";

const wantsToken = "it wants the token; say --admin-token-file, as the gateway was told";

/** `gate46 healthcheck`: for where there is neither a shell nor curl. Resolves with the exit code. */
export async function healthcheck(flags: RawOptions): Promise<number> {
  const { ready, state, sessions, parts } = parsed<Health>(await ask(flags, "GET", "/readyz"), "parts");
  let text = `${state}, ${sessions} sessions\n`;
  for (const [name, part] of Object.entries(parts) as [string, Part | boolean][]) {
    if (typeof part === "boolean" || part.ok) continue;
    text += `${name}: ${part.detail}${part.since === undefined ? "" : `, since ${part.since}`}\n`;
  }
  await print(text);
  return ready ? 0 : 1;
}

/** `gate46 sessions`, and `gate46 sessions end ID`, `user NAME` or `client IP`. Resolves with the exit code; rejects with NetError and ConfigError. */
export async function sessionsCommand(
  flags: RawOptions,
  verb: string | undefined,
  [which, name]: readonly (string | undefined)[],
  json: boolean,
): Promise<number> {
  if (verb === undefined) {
    const { sessions } = checked<Status>(await ask(flags, "GET", "/api/status?sessions=1000000"), "sessions");
    await print(json ? `${JSON.stringify(sessions)}\n` : table(sessions));
    return 0;
  }
  if (verb !== "end") throw new ConfigError(`Cannot do '${verb}' with sessions: there is only end`);
  if (which === "user" || which === "client") {
    if (name === undefined) throw new ConfigError(`Cannot end sessions: say which ${which}'s`);
    const query = new URLSearchParams({ [which]: name });
    const answer = await ask(flags, "DELETE", `/api/sessions?${query}`);
    await print(`${checked<{ readonly ended: number }>(answer, "ended").ended} ended\n`);
    return 0;
  }
  if (which === undefined || !/^\d+$/.test(which)) {
    throw new ConfigError(`Cannot end session '${which ?? ""}': not a number (nor user NAME, nor client IP)`);
  }
  checked<{ readonly ended: number }>(await ask(flags, "DELETE", `/api/sessions/${which}`), "ended");
  return 0;
}

/** An answer, and whether a token came with the question. */
interface Asked extends Answer {
  readonly knocked: boolean;
}

/** Asks the program that is started with the same flags, variables and file. */
async function ask(flags: RawOptions, method: string, path: string): Promise<Asked> {
  const { config: { admin, adminTokenFile } } = await loadConfig(flags);
  if (!admin) throw new ConfigError("Cannot ask: --admin is off");
  const token = await readAdminToken(adminTokenFile);
  let failure: unknown;
  for (const host of locally(admin.host)) {
    try {
      return { ...await askAdmin({ ...admin, host }, method, path, token), knocked: token !== undefined };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Where a listener on `host` can be reached from here: [::] not by ::1 where IPv6 is switched off, as in many containers. */
function locally(host: string): readonly string[] {
  if (host === "::") return ["127.0.0.1", "::1"];
  return [host === "0.0.0.0" ? "127.0.0.1" : host];
}

function checked<T>(answer: Asked, field: keyof T): T {
  const { status, knocked } = answer;
  if (status === 401) {
    throw new NetError("other", `Cannot do that: ${knocked ? "--admin-token-file has another token" : wantsToken}`);
  }
  if (status < 300) return parsed<T>(answer, field);
  throw new NetError("other", parsed<{ readonly error: string }>(answer, "error").error);
}

/** What is JSON, as all answers but bearer-auth's are, with that field in it. Throws NetError for somebody else's. */
function parsed<T>({ status, text }: Answer, field: keyof T): T {
  try {
    const said = JSON.parse(text);
    if (said[field] !== undefined) return said;
  } catch {
    // Not JSON.
  }
  throw new NetError("other", `Cannot understand the answer (status ${status}): is that gate46?`);
}

function table(sessions: readonly SessionView[]): string {
  const rows = [["ID", "CLIENT", "USER", "COMMAND", "DESTINATION", "TYPE", "AGE", "UP", "DOWN"]];
  for (const { id, client, user, command, destination, relay, ageMs, up, down } of sessions) {
    // A terminal might obey what clients put into words.
    const words = [client, user, command, destination, relay].map((word) => word?.replaceAll(/\p{C}/gu, "?") ?? "-");
    rows.push([String(id), ...words, `${(ageMs / 1_000).toFixed(0)}s`, String(up), String(down)]);
  }
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => `${row.map((word, i) => word.padEnd(widths[i]!)).join("  ").trimEnd()}\n`).join("");
}
