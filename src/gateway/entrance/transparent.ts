import { Command, Reply } from "../../protocol/codes.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { Refusal } from "../rules/refusal.ts";
import type { Transparent } from "../settings.ts";
import type { Entrance } from "./entrance.ts";

const nothing = new Uint8Array(0);

/**
 * Clients without a proxy setting: their destination is the address that they connected to, or the name that this address stands
 * for. A held connection gets the reply, which decides the result of its connect(2).
 */
export function transparentTo({ destinationOf, udp, held }: Transparent): Entrance {
  return {
    protocol: "transparent",
    fits: () => true, // it is chosen before the first octet
    answer: ({ reply }) => held ? Uint8Array.of(reply) : nothing,
    resets: held ? undefined : true,
    take({ here }) {
      const destination = destinationOf(here());
      if (!destination) return Promise.reject(new Refusal(Reply.HostUnreachable, nameless(here())));
      return Promise.resolve({ command: udp ? Command.Forward : Command.Connect, destination });
    },
    turnAway: () => nothing,
  };
}

const nameless = ({ host }: SocketAddr) =>
  `${host} is a fake address without a name: the client's DNS answer is older than the table`;
