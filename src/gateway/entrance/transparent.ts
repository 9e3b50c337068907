import { Command, Reply } from "../../protocol/codes.ts";
import { Refusal } from "../rules/refusal.ts";
import type { Transparent } from "../settings.ts";
import type { Entrance } from "./entrance.ts";

const nothing = new Uint8Array(0);

/**
 * Clients that know of no gateway: where they connect to is where they go, and by name where that address stands for one. One that is
 * held is told the reply, from which its connect(2) comes to its end.
 */
export function transparentTo({ destinationOf, udp, held }: Transparent): Entrance {
  return {
    protocol: "transparent",
    fits: () => true, // it is taken without an octet
    answer: ({ reply }) => held ? Uint8Array.of(reply) : nothing,
    resets: held ? undefined : true,
    take({ here }) {
      const destination = destinationOf(here());
      if (!destination) return Promise.reject(new Refusal(Reply.HostUnreachable, "an address that stands for no name"));
      return Promise.resolve({ command: udp ? Command.Forward : Command.Connect, destination });
    },
    turnAway: () => nothing,
  };
}
