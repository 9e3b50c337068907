import { systemClock } from "../../../src/net/clock.ts";
import { TICKET_KEYS_SIZE } from "../../../src/net/linux/tls/contexts.ts";
import { findLibssl, type FoundLibssl } from "../../../src/net/linux/tls/libssl.ts";
import { sealedGround, SealedTls } from "../../../src/net/linux/tls/sealed_tls.ts";
import { libraryOpener, openNet, openTls } from "../../../src/net/open.ts";
import type { AcceptedSocket, Net, Socket } from "../../../src/net/socket.ts";
import type { Tls, TlsClientOptions, TlsServerOptions } from "../../../src/net/tls/tls.ts";
import { Departures, secure } from "../../../src/net/tls/tls_socket.ts";
import { watchedLibssl } from "./watched_libssl.ts";
import { linuxThread } from "../linux/linux_net.ts";

/** A server's side, of one certificate. */
export interface Accepting {
  accept(socket: Socket, early?: Uint8Array): Promise<AcceptedSocket>;
  close(): void;
}

/** One way to speak TLS. */
export interface TlsWay {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly missing: string | false;
  readonly net: Net;
  readonly departures: Departures;
  readonly asksForCertificates: boolean;
  /** What was done with what is freed. */
  readonly faults: readonly string[];
  /** Whether octets go through the socket's own write(). */
  readonly pumps: boolean;
  acceptor(options: TlsServerOptions): Accepting;
  connect(socket: Socket, options: TlsClientOptions): Promise<Socket>;
}

const anyone = { client: "192.0.2.1" };

/** The runtime's, over its own sockets. */
export async function runtimeWay(): Promise<TlsWay> {
  const tls = await openTls(), departures = new Departures(), over = { clock: systemClock, departures };
  return {
    name: "the runtime",
    missing: false,
    net: await openNet(),
    departures,
    asksForCertificates: tls.asksForCertificates,
    faults: [],
    pumps: true,
    acceptor(options) {
      const acceptor = tls.acceptor(options);
      return {
        accept: (socket) => secure(socket, acceptor.accept(anyone), over),
        close: () => acceptor.close(),
      };
    },
    connect: (socket, options) => secure(socket, tls.connect(options, anyone), over),
  };
}

/** For sockets that are not the engine's own. */
export const nobody: Tls = {
  accept: () => Promise.reject(new Error("no socket of the engine")),
  connect: () => Promise.reject(new Error("no socket of the engine")),
  left: () => Promise.resolve(),
};

/** That of libssl; undefined where there is none. */
export async function openLibssl(): Promise<FoundLibssl | undefined> {
  return findLibssl(await libraryOpener());
}

/** libssl's, on the Linux engine. */
export async function libsslWay(): Promise<TlsWay> {
  const thread = await linuxThread(), found = thread && await openLibssl(), departures = new Departures();
  const watched = found && watchedLibssl(found.libssl);
  const ground = watched && sealedGround(thread!.engine, watched.libssl, departures);
  const none = { server: undefined, connects: false, ca: undefined, identity: undefined };
  const opened = (options: Partial<ConstructorParameters<typeof SealedTls>[1]>) =>
    new SealedTls(ground!, { ...none, ticketKeys: new Uint8Array(TICKET_KEYS_SIZE), ...options }, nobody);
  return {
    name: "libssl",
    missing: ground ? false : "no Linux engine, or no libssl",
    net: thread?.net ?? await openNet(),
    departures,
    asksForCertificates: true,
    faults: watched?.faults ?? [],
    pumps: false,
    acceptor(server) {
      const tls = opened({ server, ticketKeys: crypto.getRandomValues(new Uint8Array(TICKET_KEYS_SIZE)) });
      return { accept: (socket, early) => tls.accept(socket, anyone, early), close: () => tls.close() };
    },
    connect(socket, { name, ca, identity }) {
      const tls = opened({ ca, identity });
      return tls.connect(socket, name, anyone).finally(() => tls.close());
    },
  };
}
