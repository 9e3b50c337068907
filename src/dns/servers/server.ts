import { addressText } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import type { Net, SocketAddr } from "../../net/socket.ts";
import { httpsTransport } from "./https.ts";
import { streamTransport } from "./stream.ts";
import { openTls } from "./dns_tls.ts";
import type { Transport } from "./transport.ts";
import { type UdpManner, udpTransport } from "./udp.ts";

/** A name server and its transport. */
export type DnsServer =
  | { readonly kind: "udp" | "tcp"; readonly addr: SocketAddr }
  /** `serverName` is the name that its certificate must have; if undefined, its address. */
  | { readonly kind: "tls"; readonly addr: SocketAddr; readonly serverName: string | undefined }
  | { readonly kind: "https"; readonly url: string };

export interface TransportOptions {
  readonly net: Net;
  readonly clock: Clock;
  /** CA certificates for servers, PEM; if undefined, the runtime's list. */
  readonly ca?: string | undefined;
  /** For servers asked by UDP. */
  readonly manner?: UdpManner;
}

/** The transport to `server`. */
export function transportTo(server: DnsServer, { net, clock, ca, manner }: TransportOptions): Transport {
  const tcp = (addr: SocketAddr) =>
    streamTransport(`tcp://${addressText(addr)}`, clock, (cut) => net.connect(addr, { cut }));
  switch (server.kind) {
    case "udp":
      return udpTransport({ net, clock }, server.addr, tcp(server.addr), manner);
    case "tcp":
      return tcp(server.addr);
    case "tls": {
      const { addr, serverName } = server;
      return streamTransport(`tls://${addressText(addr)}`, clock, (cut) => openTls({ addr, serverName, ca }, cut));
    }
    case "https":
      return httpsTransport(server.url, clock, ca);
  }
}
