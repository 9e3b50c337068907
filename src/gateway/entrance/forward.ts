import { Command } from "../../protocol/codes.ts";
import { encodeProxyHeader } from "../../protocol/proxy_header.ts";
import type { Forward } from "../settings.ts";
import type { Entrance } from "./entrance.ts";
import { proxied } from "./proxied.ts";

/** Of UDP nothing tells that a client is gone. */
const UDP_IDLE_MS = 60_000;

const nothing = new Uint8Array(0);

/** Clients of a forward say nothing to the gateway and are told nothing by it: where they go is known when they come. */
export function forwardTo({ to, udp, proxyProtocol, idleMs = udp && UDP_IDLE_MS }: Forward): Entrance {
  return {
    protocol: "forward",
    fits: () => true, // it is taken without an octet
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
