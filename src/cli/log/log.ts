import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { configure, getLogger } from "@logtape/logtape";
import { ConfigError } from "../../config/config_error.ts";
import type { Config } from "../../config/config.ts";
import type { DropReason, Emit, SessionRecord } from "../../events.ts";
import type { Clock } from "../../net/clock.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { addressText } from "../../protocol/address.ts";
import { household } from "../../protocol/ip/household.ts";
import { commandName, Method, methodName, Reply, replyLabel } from "../../protocol/codes.ts";
import { type ClientNaming, clientNaming } from "./clients.ts";
import { ofLibc, ofRuntime } from "./descriptors.ts";
import { LogFile } from "./log_file.ts";
import { type Destination, destinationOf, isPrefixed, lineFormat, textLine } from "./format.ts";
import { type Fields, INFO_PREFIX } from "./logfmt.ts";
import { auditLines } from "./audit_lines.ts";
import { isIncluded, isProbe } from "./logged_sessions.ts";
import { programRun } from "./program_run.ts";
import { LogOutput, type Outlet } from "./output.ts";
import { LogSampling } from "./sampling.ts";
import { sharedOutlet } from "./stderr.ts";

export type LogConfig = Pick<Config, "logLevel" | "logFormat" | "logFile" | "logSessions" | "logSample" | "logClients">;

const STDERR = 2;

/**
 * Turns events into log lines on standard error or in a file. The user's name is the only credential in a line. Rejects
 * with ConfigError if the file cannot be written, except in a worker: one that replaces another has clients to serve, and
 * counts its lines as lost until the file can be written.
 */
export async function startLog(config: LogConfig, clock: Clock, libc: Libc | undefined): Promise<Emit> {
  const { outlet, destination } = openLog(config, libc);
  const audits = config.logSessions === "audit";
  // With an audit all lines are JSON, unless a format is set or the lines go to systemd's journal, which needs levels.
  const formatName = audits && config.logFormat === "auto" && !destination.journal ? "json" : config.logFormat;
  const format = lineFormat(formatName, destination, process.env);
  const line = (level: "info" | "warning", message: string, properties: Record<string, unknown>) =>
    format({
      category: log.category,
      level,
      message: [message],
      rawMessage: message,
      timestamp: Date.now(),
      properties,
    });
  const output = new LogOutput(clock, outlet, (lost, error) => line("warning", "log lines lost", { lost, error }));
  // A busy gateway writes thousands of these a second, and LogTape takes half of the cost of one.
  const text = textLine(format, "info", "session");
  const say = (session: SessionRecord, naming: ClientNaming) => {
    if (!text) return output.add(line("info", "session", sessionProperties(session, naming)));
    text.begin();
    tellSession(session, naming, text);
    output.add(text.end());
  };
  const saysInfo = config.logLevel === "debug" || config.logLevel === "info";
  lostLogLines = () => output.lostInAll;
  const { listener, end } = eventLog(config, clock, saysInfo && !audits ? say : undefined);
  const listen = audits ? auditing(config, output, isPrefixed(format), listener) : listener;
  stopLog = () => {
    end();
    output.flush();
  };
  await configure({
    sinks: { output: (record) => output.add(format(record)) },
    loggers: [
      { category: "gate46", lowestLevel: config.logLevel, sinks: ["output"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["output"] },
    ],
  });
  return listen;
}

/** Audited events are written to the audit only. */
function auditing({ logClients }: LogConfig, output: LogOutput, prefixed: boolean, otherwise: Emit): Emit {
  const lineOf = auditLines(programRun(), clientNaming(logClients));
  return (event) => {
    const line = lineOf(event);
    if (line === undefined) return otherwise(event);
    output.add(prefixed ? `${INFO_PREFIX}${line}` : line);
    if (event.type === "session-requested") output.flush(); // before it is served: a killed program leaves a trace
  };
}

function openLog(
  { logFile }: LogConfig,
  libc: Libc | undefined,
): { readonly outlet: Outlet; readonly destination: Destination } {
  if (logFile === undefined) {
    return { outlet: sharedOutlet(libc, STDERR), destination: destinationOf(STDERR, process.env) };
  }
  const outlet = new LogFile(logFile, libc ? ofLibc(libc) : ofRuntime);
  try {
    outlet.open();
  } catch (error) {
    if (isMainThread) throw new ConfigError(`${(error as Error).message}; --log-file`);
  }
  return { outlet, destination: { terminal: false, journal: false } };
}

/** Writes the buffered lines, and the number of lines left out. */
export let stopLog = () => {};

/** Number of lines of this thread that could not be written. */
export let lostLogLines = () => 0;

export const log = getLogger("gate46");

/** A kind of line that a stranger could cause without limit. */
interface Kind {
  readonly level: "info" | "warning" | "error";
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** The listener, and a function that reports the lines left out. `saySession` writes a session's line, if these are logged. */
function eventLog(
  { logSessions, logSample, logClients }: LogConfig,
  clock: Clock,
  saySession: ((session: SessionRecord, naming: ClientNaming) => void) | undefined,
): { listener: Emit; end(): void } {
  const naming = clientNaming(logClients);
  const sampling = new LogSampling<Kind>(clock, logSample, ({ level, message, fields }, more, withinMs, client) => {
    const name = client && naming.several(client);
    log[level](message, { more, within: seconds(withinMs), ...name && { client: name }, ...fields });
  });
  const kinds = new Map<string, Kind>();
  const takes = (level: Kind["level"], message: string, fields: Kind["fields"], client?: SocketAddr) => {
    const name = `${message} ${Object.values(fields)}`;
    let kind = kinds.get(name);
    if (!kind) kinds.set(name, kind = { level, message, fields });
    return sampling.takes(kind, client ? household(client.host) : "");
  };
  const sessionClosed = (session: SessionRecord) => {
    if (isProbe(session)) return log.debug("probe", sessionProperties(session, naming));
    if (!saySession || !isIncluded(session, logSessions)) return;
    const ordinary = session.reply === Reply.Succeeded;
    if (!ordinary || logSessions === "sampled") {
      const { end, reply, client } = session;
      if (!takes("info", "session", { end, ...reply !== undefined && { reply: replyLabel(reply) } }, client)) return;
    }
    saySession(session, naming);
  };
  const listener: Emit = (event) => {
    switch (event.type) {
      case "listening":
        log.info(`listening on ${addressText(event.addr)}`, {
          ...event.methods.length > 0 && { methods: event.methods.map(methodName).join(",") },
          ...event.tls && { tls: true },
          ...event.udp && { udp: true },
          ...event.purpose !== undefined && { for: event.purpose },
        });
        break;
      case "session-closed":
        sessionClosed(event.session);
        break;
      case "client-turned-away": {
        const { client, reason } = event;
        if (!takes("warning", "client turned away", { reason }, client)) break;
        const name = naming.one(client);
        log.warning("client turned away", { ...name && { client: name }, reason });
        break;
      }
      case "accept-failed":
        log.error("accept failed", { listener: addressText(event.addr), error: event.error.message });
        break;
      case "accept-recovered":
        log.info("accept resumed", { listener: addressText(event.addr), failures: event.failures });
        break;
      case "draining":
        log.info("draining", { sessions: event.sessions, deadline: seconds(event.deadlineMs) });
        break;
      case "drained":
        log.info("drained", { cut: event.cut });
        break;
      case "upstream": {
        const fields = { upstream: event.upstream, chain: event.chain };
        if (event.up) log.info("upstream up", fields);
        else log.warning("upstream down", { ...fields, detail: event.detail });
        break;
      }
      case "reloaded":
        log.info("reloaded", {
          ...event.opened.length > 0 && { listening: event.opened.map(addressText).join(",") },
          ...event.closed.length > 0 && { closed: event.closed.map(addressText).join(",") },
        });
        break;
      case "reload-refused":
        for (const problem of event.problems) log.error("not reloaded", { problem });
        break;
      case "worker-died":
        log.error("worker died", { worker: event.worker, sessions: event.sessions, error: errorText(event.error) });
        break;
      case "fault":
        if (takes("error", "fault", {})) log.error("fault", { error: errorText(event.error) });
        break;
    }
  };
  return { listener, end: () => sampling.end() };
}

/** Optimized: a busy gateway writes thousands of these a second. */
function tellSession(session: SessionRecord, naming: ClientNaming, fields: Fields): void {
  const { command, destination, remote, reply, counts, datagrams } = session;
  fields.known("id", session.id);
  const client = naming.one(session.client);
  if (client !== undefined) fields.said("client", client);
  if (session.protocol !== undefined && session.protocol !== "socks5") fields.known("protocol", session.protocol);
  if (session.username !== undefined) fields.said("user", session.username);
  if (session.method === Method.Gssapi) fields.known("method", methodName(session.method));
  if (session.protection !== undefined) fields.known("protection", session.protection);
  if (session.userId !== undefined) fields.said("userid", session.userId);
  if (command) fields.known("command", commandName(command));
  if (destination) fields.said("destination", addressText(destination));
  if (session.via) fields.said("via", session.via);
  if (remote) fields.said("remote", addressText(remote));
  if (session.outgoing !== undefined) fields.said("outgoing", session.outgoing);
  if (session.relayType) fields.known("relay", session.relayType);
  if (reply !== undefined) fields.said("reply", replyLabel(reply));
  fields.known("up", counts.up);
  fields.known("down", counts.down);
  if (datagrams.up + datagrams.down > 0) {
    fields.known("datagrams_up", datagrams.up);
    fields.known("datagrams_down", datagrams.down);
  }
  for (const reason in session.dropped) fields.known(`dropped_${reason}`, session.dropped[reason as DropReason]!);
  fields.known("duration", seconds((session.endedAt ?? session.startedAt) - session.startedAt));
  fields.known("end", session.end!);
  if (session.detail) fields.said("detail", session.detail);
}

/** The same as one record, for formats that need it. */
function sessionProperties(session: SessionRecord, naming: ClientNaming): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  const put = (key: string, value: string | number) => void (properties[key] = value);
  tellSession(session, naming, { known: put, said: put });
  return properties;
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

export function seconds(ms: number): string {
  const whole = Math.round(ms), rest = whole % 1_000; // cheaper than toFixed(3)
  return `${(whole - rest) / 1_000}.${String(rest).padStart(3, "0")}s`;
}
