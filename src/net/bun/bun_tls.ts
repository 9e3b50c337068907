/// <reference types="bun-types" />
import { bunHandlers, BunSocket, type BunTcp, type Opening } from "./bun_socket.ts";
import { laterEnd } from "../tls/later_end.ts";
import { LOOPBACK, Meeting } from "../tls/tls_loopback.ts";
import { hungUp, type TlsEnd, type TlsEnds, tlsError, type TlsRuntime } from "../tls/tls.ts";

/**
 * TLS by Bun's sockets, over a connection of the program to itself: node:tls in Bun ends both ways when the other side
 * ends one.
 */
export const bunTls: TlsRuntime = {
  asksForCertificates: true,
  showsCertificates: true,
  acceptor({ cert, key, clientCa: ca }) {
    const asking = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    const meeting = new Meeting<TlsBunSocket>();
    const listener = listen((socket) => meeting.came(socket.remoteAddr.port, socket), { cert, key, ...asking });
    return {
      accept: (asker) => {
        const { dialled, accepted, callOff } = meeting.meet(asker, () => dial(listener.port));
        return endsOf(dialled, accepted, callOff, ca !== undefined);
      },
      close: () => listener.stop(),
    };
  },
  connect: ({ name, ca, identity }, asker) => {
    const { port } = wires ??= listen((socket) => meetingOfWires.came(socket.remoteAddr.port, socket));
    const { dialled, accepted, callOff } = meetingOfWires.meet(asker, () =>
      dial(port, {
        serverName: name.replace(/\.$/, ""), // some servers refuse TLS for a name with a final dot (RFC 6066 s3)
        rejectUnauthorized: true,
        ...ca !== undefined && { ca },
        ...identity && { cert: identity.cert, key: identity.key },
      }));
    return endsOf(accepted, dialled, callOff, true);
  },
};

/** The loopback address for clients of TLS. */
let wires: Bun.TCPSocketListener<BunSocket | Opening> | undefined;
const meetingOfWires = new Meeting<BunSocket>();

function endsOf(
  sealed: Promise<TlsEnd>,
  clear: Promise<TlsBunSocket>,
  callOff: () => void,
  verifies: boolean,
): TlsEnds {
  const secured = clear.then((socket) => socket.secured(verifies));
  return { sealed: laterEnd(sealed, callOff), clear: laterEnd(clear), secured };
}

/** A Bun socket with TLS, or before its handshake. */
class TlsBunSocket extends BunSocket {
  readonly #handshake = Promise.withResolvers<Error | undefined>();

  /** Rejects with NetError. */
  async secured(verifies: boolean): Promise<void> {
    const error = await this.#handshake.promise;
    if (error && verifies) throw tlsError(error);
  }

  onHandshake(done: boolean, error: Error | null): void {
    if (done) this.#handshake.resolve(error ?? undefined);
    else this.#handshake.reject(tlsError(error));
  }

  override onClose(error?: Error): void {
    this.#handshake.promise.catch(() => {});
    this.#handshake.reject(error ? tlsError(error) : hungUp()); // means nothing after the handshake
    super.onClose(error);
  }
}

const handlers = {
  ...bunHandlers,
  open(tcp: BunTcp) {
    const opening = tcp.data as unknown as Opening;
    const socket = new TlsBunSocket(tcp);
    tcp.data = socket;
    opening.opened(socket);
  },
  handshake: (tcp: BunTcp, done: boolean, error: Error | null) => (tcp.data as TlsBunSocket).onHandshake(done, error),
} as unknown as Bun.SocketHandler<BunSocket | Opening>;

function listen(opened: (socket: TlsBunSocket) => void, tls?: Bun.TLSOptions) {
  const opening: Opening = { opened: opened as Opening["opened"] };
  const options = { hostname: LOOPBACK, port: 0, allowHalfOpen: true, data: opening, socket: handlers };
  return Bun.listen<BunSocket | Opening>(tls ? { ...options, tls } : options);
}

function dial(port: number, tls?: Bun.TLSOptions): Promise<TlsBunSocket> {
  return new Promise((resolve, reject) => {
    const opening: Opening = { opened: resolve as Opening["opened"] };
    const options = { hostname: LOOPBACK, port, allowHalfOpen: true, data: opening, socket: handlers };
    Bun.connect<BunSocket | Opening>(tls ? { ...options, tls } : options).catch((error) => reject(tlsError(error)));
  });
}
