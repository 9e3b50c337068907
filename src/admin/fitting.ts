import type { SessionView } from "./status.ts";

/** The texts of a session that a filter searches. */
export type Told =
  & Pick<SessionView, "id" | "client">
  & { readonly [K in "user" | "command" | "destination" | "remote" | "via" | "relay"]?: SessionView[K] | undefined };

/** Returns a test: true if the session's texts contain each word of `filter`. Self-contained: the page's script has it too. */
export function fitting(filter: string): (session: Told) => boolean {
  const words = Array.from(new Set(filter.toLowerCase().split(/\s+/)));
  return ({ id, client, user = "", command = "", destination = "", remote = "", via = "", relay = "" }) => {
    const told = `${id}\n${client}\n${user}\n${command}\n${destination}\n${remote}\n${via}\n${relay}`.toLowerCase();
    return words.every((word) => told.includes(word));
  };
}
