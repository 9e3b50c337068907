import { configure, getJsonLinesFormatter, getLogger } from "@logtape/logtape";
import { logfmt } from "./logfmt.ts";
import { LogOutput } from "./log_output.ts";
import type { Clock } from "../net/clock.ts";
import { addressText } from "../protocol/address.ts";
import { commandName, methodName, replyLabel } from "../protocol/codes.ts";
import type { Config } from "../config/config.ts";
import type { DropReason, Emit, SessionRecord } from "../events.ts";

/** Turns events into log lines on standard error. No credential but the user's name is ever in one. */
export async function startLog(
  { logLevel, logFormat }: Pick<Config, "logLevel" | "logFormat">,
  clock: Clock,
): Promise<Emit> {
  const formatter = logFormat === "json" ? getJsonLinesFormatter({ properties: "flatten" }) : logfmt;
  const output = new LogOutput(clock);
  stopLog = () => output.flush();
  await configure({
    sinks: { stderr: (record) => output.add(formatter(record)) },
    loggers: [
      { category: "gate46", lowestLevel: logLevel, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
  return listener;
}

/** Writes what is still buffered. */
export let stopLog = () => {};

export const log = getLogger("gate46");

const listener: Emit = (event) => {
  switch (event.type) {
    case "listening":
      log.info(`listening on ${addressText(event.addr)}`, {
        methods: event.methods.map(methodName).join(","),
        ...event.tls && { tls: true },
      });
      break;
    case "session-closed":
      log.info("session", sessionFields(event.session));
      break;
    case "client-turned-away":
      log.warning("client turned away", { client: addressText(event.client), reason: event.reason });
      break;
    case "accept-failed":
      log.error("accept failed", { listener: addressText(event.addr), error: event.error.message });
      break;
    case "accept-recovered":
      log.info("accept goes on", { listener: addressText(event.addr), failures: event.failures });
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
      log.error("fault", { error: errorText(event.error) });
      break;
  }
};

/** Written for speed: a busy gateway makes thousands of these a second. */
function sessionFields(session: SessionRecord): Record<string, unknown> {
  const { command, destination, remote, reply, counts, datagrams } = session;
  const fields: Record<string, unknown> = { id: session.id, client: addressText(session.client) };
  if (session.username !== undefined) fields.user = session.username;
  if (session.userId !== undefined) fields.userid = session.userId;
  if (command) fields.command = commandName(command);
  if (destination) fields.destination = addressText(destination);
  if (session.via) fields.via = session.via;
  if (remote) fields.remote = addressText(remote);
  if (session.relayType) fields.relay = session.relayType;
  if (reply !== undefined) fields.reply = replyLabel(reply);
  fields.up = counts.up;
  fields.down = counts.down;
  if (datagrams.up + datagrams.down > 0) {
    fields.datagrams_up = datagrams.up;
    fields.datagrams_down = datagrams.down;
  }
  for (const reason in session.dropped) fields[`dropped_${reason}`] = session.dropped[reason as DropReason];
  fields.duration = seconds((session.endedAt ?? session.startedAt) - session.startedAt);
  fields.end = session.end;
  if (session.detail) fields.detail = session.detail;
  return fields;
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)}s`;
}
