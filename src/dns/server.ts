import { addressText } from "../protocol/address.ts";
import type { Clock } from "../net/clock.ts";
import type { Net, SocketAddr } from "../net/socket.ts";
import { streamTransport } from "./stream.ts";
import type { Transport } from "./transport.ts";
import { udpTransport } from "./udp.ts";

/** A name server, and how it is asked. */
export type DnsServer = { readonly kind: "udp" | "tcp"; readonly addr: SocketAddr };

export interface TransportOptions {
  readonly net: Net;
  readonly clock: Clock;
}

/** The way to `server`. */
export function transportTo(server: DnsServer, { net, clock }: TransportOptions): Transport {
  const tcp = (addr: SocketAddr) => streamTransport(`tcp://${addressText(addr)}`, clock, () => net.connect(addr));
  switch (server.kind) {
    case "udp":
      return udpTransport(net, server.addr, tcp(server.addr));
    case "tcp":
      return tcp(server.addr);
  }
}
