import type { Event, SessionRecord, UdpDestinationRecord } from "../../events.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { commandName, methodName, replyLabel } from "../../protocol/codes.ts";
import type { ClientNaming } from "./clients.ts";
import { printable } from "./printable.ts";

/** Version of the fields below (docs/reference/audit-log.md): changes if a field is removed or redefined, not if added. */
export const AUDIT_VERSION = 1;

/** The fields of a line; an undefined field is left out. Numbers are JSON numbers, times are in seconds. */
type Fields = Readonly<Record<string, string | number | Readonly<Record<string, number>> | undefined>>;

/** Makes the JSON line of an audited event; undefined for other events. `run` identifies this program's run. */
export function auditLines(run: string, naming: ClientNaming): (event: Event) => string | undefined {
  const line = (event: string, fields: Fields) =>
    `${
      printable(JSON.stringify({
        "@timestamp": new Date().toISOString(),
        level: "INFO",
        message: event,
        logger: "gate46",
        audit: AUDIT_VERSION,
        run,
        ...fields,
      }))
    }\n`;
  return (event) => {
    switch (event.type) {
      case "session-opened":
        return line("session-open", start(event.session, naming));
      case "session-requested":
        return line("session-request", { ...start(event.session, naming), ...request(event.session) });
      case "session-closed":
        return line("session-end", {
          ...start(event.session, naming),
          ...request(event.session),
          ...end(event.session),
        });
      case "udp-destination": {
        const { session, destination } = event;
        return line("udp-destination", {
          ...start(session, naming),
          user: session.username,
          ...udpDestination(destination),
        });
      }
      case "client-turned-away":
        return line("client-turned-away", { ...naming.fields(event.client), reason: event.reason });
    }
  };
}

function start({ id, client }: SessionRecord, naming: ClientNaming): Fields {
  return { id, ...naming.fields(client) };
}

function request({ protocol, method, protection, username, userId, command, destination }: SessionRecord): Fields {
  return {
    protocol,
    method: method === undefined ? undefined : methodName(method),
    protection,
    user: username,
    socks4_user: userId,
    command: command && commandName(command),
    destination_host: destination?.host,
    destination_port: destination?.port,
  };
}

function end(session: SessionRecord): Fields {
  const { via, remote, outgoing, relayType, reply, counts, datagrams, dialMs, startedAt, endedAt } = session;
  return {
    via,
    ...remoteFields(remote),
    outgoing_host: outgoing,
    relay: relayType,
    reply,
    reply_text: reply === undefined ? undefined : replyLabel(reply),
    bytes_up: counts.up,
    bytes_down: counts.down,
    datagrams_up: datagrams.up,
    datagrams_down: datagrams.down,
    dropped: session.dropped,
    dial_seconds: dialMs === undefined ? undefined : seconds(dialMs),
    duration_seconds: seconds((endedAt ?? startedAt) - startedAt),
    end: session.end,
    detail: session.detail,
  };
}

function udpDestination(destination: UdpDestinationRecord): Fields {
  const { asked, destinations, remote, via, counts, datagrams, dropped, refusedBy, startedAt, lastAt } = destination;
  return {
    destinations,
    destination_host: asked?.host,
    destination_port: asked?.port,
    via,
    ...remoteFields(remote),
    bytes_up: counts.up,
    bytes_down: counts.down,
    datagrams_up: datagrams.up,
    datagrams_down: datagrams.down,
    dropped,
    refused_by: refusedBy,
    duration_seconds: seconds(lastAt - startedAt),
  };
}

function remoteFields(remote: SocketAddr | undefined): Fields {
  if (remote?.unix !== undefined) return { remote_unix: remote.unix };
  return { remote_host: remote?.host, remote_port: remote?.port };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
