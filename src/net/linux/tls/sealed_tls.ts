import { isIP } from "node:net";
import { FairQueue } from "../../../turns/fair_queue.ts";
import type { Pointer } from "../../kernel/libc/library.ts";
import type { Asker } from "../../../turns/fair_queue.ts";
import type { AcceptedSocket, Socket } from "../../socket.ts";
import { hungUp, type Tls, type TlsIdentity, type TlsServerOptions } from "../../tls/tls.ts";
import type { Departures } from "../../tls/tls_socket.ts";
import type { Engine } from "../engine/engine.ts";
import { LinuxSocket } from "../tcp_socket.ts";
import { clientContext, serverContext, type TlsContext } from "./contexts.ts";
import type { Libssl } from "./libssl.ts";
import { placesIn, type SealedGround, SealedSocket } from "./sealed_socket.ts";

/**
 * Handshake steps per turn of the engine, each up to a millisecond of work with an RSA key. The queue is bounded by the number
 * of sessions.
 */
const AT_ONCE = { all: 2, client: 1, user: 1 }, WAITING = { all: 20_000, client: 20_000, user: 20_000 };

const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55, BIO_C_SET_BUFF_READ_DATA = 122;

/** No wildcards within a label, and no name that is not in subjectAltName (RFC 9525 s6.3, s6.4). */
const HOST_FLAGS = 0x04 | 0x20;

/** A thread's state for TLS on its engine, independent of the configuration. */
export function sealedGround(engine: Engine, libssl: Libssl, departures: Departures): SealedGround {
  const turns = new FairQueue("speak TLS", AT_ONCE, WAITING);
  return { engine, libssl, departures, turns, places: placesIn(engine.scratch) };
}

/** Options of TLS. */
export interface SealedOptions {
  readonly server: TlsServerOptions | undefined;
  /** True if it connects to servers. Their context is then made at once, since making it delays the thread. */
  readonly connects: boolean;
  /** For connections to servers. */
  readonly ca: string | undefined;
  readonly identity: TlsIdentity | undefined;
  /** TICKET_KEYS_SIZE octets, for this configuration only. */
  readonly ticketKeys: Uint8Array<ArrayBuffer>;
}

/** TLS on the sockets of the Linux engine, by libssl in its thread. */
export class SealedTls implements Tls {
  readonly #ground: SealedGround;
  readonly #otherwise: Tls;
  readonly #options: SealedOptions;
  readonly #server: TlsContext | undefined;
  #client: TlsContext | undefined;

  /** `otherwise` handles sockets that are not the engine's own, such as TLS within TLS. Throws Error if libssl rejects a certificate. */
  constructor(ground: SealedGround, options: SealedOptions, otherwise: Tls) {
    this.#ground = ground;
    this.#otherwise = otherwise;
    this.#options = options;
    this.#server = options.server && serverContext(ground.libssl, options.server, options.ticketKeys);
    if (options.connects) this.#clientContext();
  }

  async accept(socket: Socket, asker: Asker, early?: Uint8Array): Promise<AcceptedSocket> {
    if (!this.#server || !(socket instanceof LinuxSocket)) return await this.#otherwise.accept(socket, asker, early);
    const { libssl } = this.#ground;
    const sealed = this.#seal(this.#server, socket, early, (ssl) => libssl.SSL_set_accept_state(ssl));
    await sealed.shake(asker, false, (ssl) => this.#holds(ssl));
    return sealed;
  }

  async connect(socket: Socket, name: string, asker: Asker, early?: Uint8Array): Promise<Socket> {
    if (!(socket instanceof LinuxSocket)) return await this.#otherwise.connect(socket, name, asker, early);
    const { libssl } = this.#ground;
    const sealed = this.#seal(this.#clientContext(), socket, early, (ssl) => {
      libssl.SSL_set_connect_state(ssl);
      if (!wants(libssl, ssl, name.replace(/\.$/, ""))) throw hungUp(); // no memory
    });
    await sealed.shake(asker, true, () => true);
    return sealed;
  }

  left(): Promise<void> {
    return this.#ground.departures.over();
  }

  /** No new connections begin. */
  close(): void {
    this.#server?.close();
    this.#client?.close();
  }

  #clientContext(): TlsContext {
    const { ca, identity } = this.#options;
    return this.#client ??= clientContext(this.#ground.libssl, { ca, identity });
  }

  /** Throws NetError, and closes the socket then. */
  #seal(
    { pointer }: TlsContext,
    socket: LinuxSocket,
    early: Uint8Array | undefined,
    set: (ssl: Pointer) => void,
  ): SealedSocket {
    const { libssl } = this.#ground;
    const ssl = socket.closed ? null : libssl.SSL_new(pointer);
    try {
      if (!ssl || !attach(libssl, ssl, socket.fd, early)) throw hungUp();
      set(ssl);
      return new SealedSocket(this.#ground, socket, ssl, Boolean(early?.length));
    } catch (error) {
      if (ssl) libssl.SSL_free(ssl);
      socket.close();
      throw error;
    }
  }

  /** True if the client's certificate is still valid: libssl does not check it for a session ticket. */
  #holds(ssl: Pointer): boolean {
    const { libssl } = this.#ground;
    if (this.#options.server?.clientCa === undefined || libssl.SSL_session_reused(ssl) === 0) return true;
    const session = libssl.SSL_get_session(ssl);
    const certificate = session && libssl.SSL_SESSION_get0_peer(session);
    return !!certificate && libssl.X509_cmp_current_time(libssl.X509_get0_notAfter(certificate)) > 0;
  }
}

/** Lets `ssl` read `early` and then `fd`, and write to `fd`; false without memory. */
function attach(libssl: Libssl, ssl: Pointer, fd: number, early: Uint8Array | undefined): boolean {
  const writes = libssl.BIO_new_socket(fd, 0);
  let reads = libssl.BIO_new_socket(fd, 0);
  if (reads && writes && early?.length) {
    const bytes = new Uint8Array(early), buffer = libssl.BIO_new(libssl.BIO_f_buffer());
    if (buffer) {
      libssl.BIO_ctrl(buffer, BIO_C_SET_BUFF_READ_DATA, bytes.length, libssl.pointerTo(bytes));
      bytes.fill(0); // referenced until here
      libssl.BIO_push(buffer, reads);
    } else libssl.BIO_free(reads);
    reads = buffer;
  }
  if (!reads || !writes) {
    if (reads) libssl.BIO_free(reads);
    if (writes) libssl.BIO_free(writes);
    return false;
  }
  libssl.SSL_set_bio(ssl, reads, writes);
  return true;
}

/** Requires the server's certificate to have `name`; false if that fails. */
function wants(libssl: Libssl, ssl: Pointer, name: string): boolean {
  const text = new TextEncoder().encode(`${name}\0`);
  if (isIP(name) !== 0) return libssl.X509_VERIFY_PARAM_set1_ip_asc(libssl.SSL_get0_param(ssl), text) === 1;
  libssl.SSL_set_hostflags(ssl, HOST_FLAGS);
  return libssl.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, libssl.pointerTo(text)) === 1 &&
    libssl.SSL_set1_host(ssl, text) === 1;
}
