import type { Config } from "../../../config/config.ts";
import { ConfigError } from "../../../config/config_error.ts";
import type { Rule } from "../../../gateway/rules/rule.ts";
import type { Clock } from "../../../net/clock.ts";
import { openTls } from "../../../net/open.ts";
import { NetError } from "../../../net/error.ts";
import type { Socket } from "../../../net/socket.ts";
import type { Tls, TlsAcceptor, TlsEnds } from "../../../net/tls/tls.ts";
import type { Asker } from "../../../turns/fair_queue.ts";
import { type Departures, secure } from "../../../net/tls/tls_socket.ts";
import { HeadedSocket } from "../../../sockslib/chain/headed_socket.ts";
import type { TlsFiles } from "../../files/tls_files.ts";

/** TLS by one configuration. */
export interface TlsSource {
  /** Opens TLS with a server that must prove `name`, or with a client if `name` is undefined; done for `asker`. */
  open(name: string | undefined, asker: Asker): TlsEnds;
  /** Accepts no more clients. */
  close(): void;
}

/**
 * TLS of this thread's runtime. If `seldom`, most TLS is done elsewhere: what the runtime cannot do is refused only when it is
 * needed. Rejects with ConfigError.
 */
export async function openTlsSource({ server, ca, identity }: TlsFiles, seldom = false): Promise<TlsSource> {
  const runtime = await openTls();
  const asking = server?.clientCa !== undefined && !runtime.asksForCertificates &&
    "Cannot use --tls-client-ca: Deno before 2.9 does not ask clients for certificates without OpenSSL";
  const showing = identity && !runtime.showsCertificates &&
    "Cannot use --via-cert: Deno before 2.9 shows no certificate to gateways without OpenSSL";
  let acceptor: TlsAcceptor | undefined;
  if (!seldom) {
    const refused = asking || showing;
    if (refused) throw new ConfigError(refused);
    try {
      acceptor = server && runtime.acceptor(server);
    } catch (error) {
      throw new ConfigError(`Cannot use the certificate of --tls-cert: ${(error as Error).message}`);
    }
  }
  return {
    open(name, asker) {
      const refused = name === undefined ? asking : showing;
      if (refused) throw new NetError("other", refused);
      if (name !== undefined) return runtime.connect({ name, ca, identity }, asker);
      return (acceptor ??= runtime.acceptor(server!)).accept(asker);
    },
    close: () => acceptor?.close(),
  };
}

/** True if a gateway with that configuration speaks TLS with clients or with other gateways. */
export function speaksTls(config: Pick<Config, "listen" | "upstreams">, rules: readonly Pick<Rule, "via">[]): boolean {
  return config.listen.some(({ tls }) => tls) || connectsByTls(config, rules);
}

/** True if it speaks TLS with other gateways. */
export function connectsByTls({ upstreams }: Pick<Config, "upstreams">, rules: readonly Pick<Rule, "via">[]): boolean {
  const ways = [...rules.map(({ via }) => via ?? []), ...upstreams.flatMap(({ chains }) => chains)];
  return ways.some((way) => way.some((url) => /^(socks5s|https):/i.test(url)));
}

/** TLS over the sockets of a gateway, done by the ends that `open` returns. */
export function tlsBy(open: TlsSource["open"], clock: Clock, departures: Departures): Tls {
  const over = { clock, departures };
  return {
    accept: (socket, asker, early) => secure(headed(socket, early), open(undefined, asker), over),
    connect: (socket, name, asker, early) => secure(headed(socket, early), open(name, asker), over),
    left: () => departures.over(),
  };
}

function headed(socket: Socket, early: Uint8Array | undefined): Socket {
  return early ? new HeadedSocket(socket, early) : socket;
}
