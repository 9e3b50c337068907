import { configure, getJsonLinesFormatter, getLogger } from "@logtape/logtape";
import { logfmt } from "./logfmt.ts";
import { LogOutput } from "./log_output.ts";
import type { Clock } from "../net/clock.ts";
import { addressText } from "../protocol/address.ts";
import { commandName, methodName, replyText } from "../protocol/codes.ts";
import type { Config } from "../config/config.ts";
import type { Emit, SessionRecord } from "../events.ts";

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
      log.info(`listening on ${addressText(event.addr)}`, { methods: event.methods.map(methodName).join(",") });
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
    case "draining":
      log.info("draining", { sessions: event.sessions, deadline: seconds(event.deadlineMs) });
      break;
    case "drained":
      log.info("drained", { cut: event.cut });
      break;
    case "worker-died":
      log.error("worker died", { worker: event.worker, sessions: event.sessions, error: errorText(event.error) });
      break;
    case "fault":
      log.error("fault", { error: errorText(event.error) });
      break;
  }
};

function sessionFields(session: SessionRecord): Record<string, unknown> {
  const { id, client, username, command, destination, remote, relayType, reply, counts, datagrams, dropped } = session;
  return {
    id,
    client: addressText(client),
    ...(username !== undefined && { user: username }),
    ...(command && { command: commandName(command) }),
    ...(destination && { destination: addressText(destination) }),
    ...(remote && { remote: addressText(remote) }),
    ...(relayType && { relay: relayType }),
    ...(reply !== undefined && { reply: `${reply.toString(16).padStart(2, "0")} ${replyText(reply)}` }),
    up: counts.up,
    down: counts.down,
    ...(datagrams.up + datagrams.down > 0 && { datagrams_up: datagrams.up, datagrams_down: datagrams.down }),
    ...Object.fromEntries(Object.entries(dropped).map(([reason, count]) => [`dropped_${reason}`, count])),
    duration: seconds((session.endedAt ?? session.startedAt) - session.startedAt),
    end: session.end,
    ...(session.detail && { detail: session.detail }),
  };
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)}s`;
}
