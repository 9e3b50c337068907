import { ConfigError } from "../../config/config_error.ts";
import type { Clock } from "../../net/clock.ts";
import { openTls } from "../../net/open.ts";
import type { Tls, TlsEnds } from "../../net/tls/tls.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { type Departures, secure } from "../../net/tls/tls_socket.ts";
import type { TlsFiles } from "../files/tls_files.ts";

/** Where TLS is spoken, by one configuration. */
export interface TlsSource {
  /** With a server that has to be `name`, with a client where undefined; on the account of `asker`. */
  open(name: string | undefined, asker: Asker): TlsEnds;
  /** No more clients are taken. */
  close(): void;
}

/** TLS of this thread. Rejects with ConfigError. */
export async function openTlsSource({ server, ca, identity }: TlsFiles): Promise<TlsSource> {
  const runtime = await openTls();
  if (server?.clientCa !== undefined && !runtime.asksForCertificates) {
    throw new ConfigError("Cannot use --tls-client-ca: Deno before 2.9 does not ask clients for certificates");
  }
  if (identity && !runtime.showsCertificates) {
    throw new ConfigError("Cannot use --via-cert: Deno before 2.9 shows no certificate to gateways");
  }
  let acceptor;
  try {
    acceptor = server && runtime.acceptor(server);
  } catch (error) {
    throw new ConfigError(`Cannot use the certificate of --tls-cert: ${(error as Error).message}`);
  }
  return {
    open: (name, asker) =>
      name === undefined ? acceptor!.accept(asker) : runtime.connect({ name, ca, identity }, asker),
    close: () => acceptor?.close(),
  };
}

/** TLS over the sockets of a gateway, spoken where `open` leads. */
export function tlsBy(open: TlsSource["open"], clock: Clock, departures: Departures): Tls {
  const over = { clock, departures };
  return {
    accept: (socket, asker) => secure(socket, open(undefined, asker), over),
    connect: (socket, name, asker) => secure(socket, open(name, asker), over),
    left: () => departures.over(),
  };
}
