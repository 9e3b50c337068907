import type { SessionView } from "./status.ts";

/** Whether each word of `filter` is in what is told of a session. It needs nothing else: the page's script has it too. */
export function fits(session: SessionView, filter: string): boolean {
  const { id, client, user, command, destination, remote, via, relay } = session;
  const told = [id, client, user, command, destination, remote, via, relay].join("\n").toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => told.includes(word));
}
