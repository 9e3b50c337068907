import type { SessionView } from "./status.ts";

/** What a session is found by. */
export type Told =
  & Pick<SessionView, "id" | "client">
  & { readonly [K in "user" | "command" | "destination" | "remote" | "via" | "relay"]?: SessionView[K] | undefined };

/** Which sessions have each word of `filter` in what is told of them. It needs nothing else: the page's script has it too. */
export function fitting(filter: string): (session: Told) => boolean {
  const words = Array.from(new Set(filter.toLowerCase().split(/\s+/)));
  return ({ id, client, user = "", command = "", destination = "", remote = "", via = "", relay = "" }) => {
    const told = `${id}\n${client}\n${user}\n${command}\n${destination}\n${remote}\n${via}\n${relay}`.toLowerCase();
    return words.every((word) => told.includes(word));
  };
}
