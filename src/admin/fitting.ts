import type { SessionView } from "./status.ts";

/** Which sessions have each word of `filter` in what is told of them. It needs nothing else: the page's script has it too. */
export function fitting(filter: string): (session: SessionView) => boolean {
  const words = filter.toLowerCase().split(/\s+/);
  return ({ id, client, user = "", command = "", destination = "", remote = "", via = "", relay = "" }) => {
    const told = `${id}\n${client}\n${user}\n${command}\n${destination}\n${remote}\n${via}\n${relay}`.toLowerCase();
    return words.every((word) => told.includes(word));
  };
}
