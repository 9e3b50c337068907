import { Command } from "../../protocol/codes.ts";
import { encodeProxyHeader } from "../../protocol/proxy_header.ts";
import type { Forward } from "../settings.ts";
import type { Entrance } from "./entrance.ts";
import { proxied } from "./proxied.ts";

/** UDP does not tell when a client has left. */
const UDP_IDLE_MS = 60_000;

const nothing = new Uint8Array(0);

/** Clients of a forward exchange nothing with the gateway itself: the listener has their destination. */
export function forwardTo({ to, udp, proxyProtocol, idleMs = udp && UDP_IDLE_MS }: Forward): Entrance {
  return {
    protocol: "forward",
    fits: () => true, // it is chosen before the first octet
    answer: () => nothing,
    take: ({ record: { client }, here }) =>
      Promise.resolve({
        command: Command.Forward,
        destination: to,
        idleMs,
        head: proxyProtocol && encodeProxyHeader(proxyProtocol, proxied(client, here())),
      }),
    turnAway: () => nothing,
  };
}
