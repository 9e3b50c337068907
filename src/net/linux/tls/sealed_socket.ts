import { Cut } from "../../cut.ts";
import { NetError } from "../../error.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../kernel/libc/abi.ts";
import { EAGAIN } from "../../kernel/libc/errno.ts";
import type { Pointer } from "../../kernel/libc/library.ts";
import type { AcceptedSocket, Leaving, SocketAddr } from "../../socket.ts";
import { hungUp, tlsError } from "../../tls/tls.ts";
import type { Departures } from "../../tls/tls_socket.ts";
import type { Asker, FairQueue } from "../../../turns/fair_queue.ts";
import type { Engine } from "../engine/engine.ts";
import type { Watcher } from "../engine/poller.ts";
import type { LinuxSocket } from "../tcp_socket.ts";
import {
  type Libssl,
  SSL_ERROR_SSL,
  SSL_ERROR_SYSCALL,
  SSL_ERROR_WANT_READ,
  SSL_ERROR_WANT_WRITE,
  SSL_ERROR_ZERO_RETURN,
  takeReason,
} from "./libssl.ts";

/** Maximum octets of one record (RFC 8446 s5.1). */
const RECORD_SIZE = 16 << 10;

/** Maximum view of read(). */
const READ_SIZE = 64 << 10;

/** Time that a closed socket waits (ms) for its last octets to leave, or for the reason of a failed handshake. */
const LINGER_MS = 5_000, FAREWELL_MS = 250;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** State that all TLS sockets of one thread share. */
export interface SealedGround {
  readonly engine: Engine;
  readonly libssl: Libssl;
  readonly departures: Departures;
  /** Handshake steps done before others get their turn. */
  readonly turns: FairQueue;
  /** The engine's scratch from each multiple of RECORD_SIZE on. */
  readonly places: readonly Uint8Array<ArrayBuffer>[];
}

/** Where in the engine's scratch records begin. */
export function placesIn(scratch: Uint8Array<ArrayBuffer>): readonly Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: scratch.length / RECORD_SIZE }, (_, i) => scratch.subarray(i * RECORD_SIZE));
}

const done = Promise.resolve();

/** TLS on a socket's own descriptor, which libssl reads and writes. */
export class SealedSocket implements AcceptedSocket, Watcher {
  /** True if take() may return octets. */
  readable: boolean;
  readonly #ground: SealedGround;
  readonly #socket: LinuxSocket;
  /** Undefined once it is freed. */
  #ssl: Pointer | undefined;
  readonly #gone = new Cut();
  #flow: Watcher | undefined;
  #reader: Waiting<Uint8Array | null> | undefined;
  #writer: (Waiting<void> & { rest: Uint8Array<ArrayBuffer> }) | undefined;
  #left: ((how: Leaving) => void) | undefined;
  /** Wakes the handshake. */
  #stir: (() => void) | undefined;
  #failure: NetError | undefined;
  /** The peer has sent close_notify. */
  #ended = false;
  /** True if libssl has a pending record, which requires the same octets again. */
  #half = false;
  /** True if a read waits for room to write. */
  #readsWithRoom = false;
  #farewell: "unsaid" | "wanted" | "said" = "unsaid";
  /** The connection is broken. */
  #broken = false;
  #resets = false;
  #closed = false;
  #stopLingering: (() => void) | undefined;
  /** Resolves when all octets written before close() have left, or cannot. */
  #departed: (() => void) | undefined;

  /** Takes `ssl`, which reads and writes the descriptor of `socket`, and that. `early`: it has something to read before that. */
  constructor(ground: SealedGround, socket: LinuxSocket, ssl: Pointer, early: boolean) {
    this.#ground = ground;
    this.#socket = socket;
    this.#ssl = ssl;
    this.readable = early || socket.readable;
    socket.divert(this);
  }

  /** splice(2) cannot be used, since libssl encrypts. */
  get spliceable(): boolean {
    return false;
  }

  /** Octets read for it at a time: octets without room must be kept. */
  get portion(): number {
    return RECORD_SIZE;
  }

  get fd(): number {
    return this.#socket.fd;
  }

  get localAddr(): SocketAddr {
    return this.#socket.localAddr;
  }

  get remoteAddr(): SocketAddr {
    return this.#socket.remoteAddr;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The handshake, for `asker`; `isGood` checks its result. Rejects with NetError if it fails, "busy" if
   * too many wait, and closes the socket then. A server waits for its client to speak first.
   */
  async shake(asker: Asker, speaksFirst: boolean, isGood: (ssl: Pointer) => boolean): Promise<void> {
    const { engine, turns } = this.#ground;
    try {
      if (!speaksFirst) await this.#stirred();
      for (;;) {
        const end = await turns.turn(asker, this.#gone);
        let over;
        try {
          over = this.#step(isGood);
        } finally {
          engine.later(end);
        }
        if (over) break;
        await this.#stirred();
      }
      this.readable = true; // data may have come with its last message
    } catch (error) {
      if (this.#ssl === undefined) throw hungUp();
      this.#failure ??= error as NetError;
      this.#closed = true;
      this.#leave(FAREWELL_MS);
      await new Promise<void>((resolve) => this.#gone.on(resolve)); // the callee may close the socket
      throw error;
    }
  }

  read(): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.resolve(null);
    if (this.readable || this.#failure) {
      try {
        const bytes = this.#receive();
        if (bytes !== undefined) return Promise.resolve(bytes);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }

  write(bytes: Uint8Array): Promise<void> {
    try {
      const sent = this.send(bytes as Uint8Array<ArrayBuffer>);
      if (sent === bytes.length) return done;
      const rest = (bytes as Uint8Array<ArrayBuffer>).subarray(sent);
      return new Promise((resolve, reject) => this.#writer = { resolve, reject, rest });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  closeWrite(): Promise<void> {
    this.shutDown();
    return done;
  }

  /** Sends close_notify, then FIN. */
  shutDown(): void {
    if (this.#farewell !== "unsaid") return;
    this.#farewell = "wanted";
    this.#sayFarewell();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader?.resolve(null);
    this.#writer?.reject(new NetError("closed", "Cannot write: closed"));
    this.#reader = this.#writer = this.#left = undefined;
    this.#leave(LINGER_MS);
    this.#flow?.ready(0);
    this.#flow = undefined;
  }

  reset(): void {
    if (this.#closed) return;
    this.#resets = true;
    this.close();
  }

  keepAlive(): void {
    this.#socket.keepAlive();
  }

  onLeft(left: (how: Leaving) => void): () => void {
    this.#left = left;
    this.#tellLeft();
    return () => {
      if (this.#left === left) this.#left = undefined;
    };
  }

  /** See LinuxSocket. */
  divert(flow: Watcher | undefined): void {
    this.#flow = flow;
  }

  failed(errno: number, verb: string): NetError {
    return this.#failure ??= this.#socket.failed(errno, verb);
  }

  watchWriting(): void {
    this.#socket.watchWriting();
  }

  /** Reads into `bytes`: number of octets, 0 at the end, -1 if there are none now. Throws NetError. */
  take(bytes: Uint8Array<ArrayBuffer>, size: number): number {
    const { libssl, engine: { scratch }, places } = this.#ground;
    const most = bytes === scratch ? size : Math.min(size, RECORD_SIZE);
    let at = 0;
    while (at < most && this.#ssl !== undefined && !this.#failure && !this.#ended) {
      const room = Math.min(RECORD_SIZE, most - at);
      const got = libssl.SSL_read(this.#ssl, at === 0 ? bytes : places[at / RECORD_SIZE]!, room);
      if (got <= 0) {
        this.#nothing(this.#ssl, got, "read from");
        break;
      }
      at += got;
      if (got < RECORD_SIZE) break; // the next place is behind a whole record
    }
    if (at > 0) return at;
    if (this.#failure) throw this.#failure;
    return this.#ended || this.#ssl === undefined ? 0 : -1;
  }

  /** Octets of `bytes` that are accepted now. If not all, the rest must be written again, alone or with more. Throws NetError. */
  send(bytes: Uint8Array<ArrayBuffer>, size = bytes.length): number {
    if (this.#failure && !this.#closed) throw this.#failure;
    const ssl = this.#ssl;
    if (this.#closed || ssl === undefined || this.#farewell !== "unsaid") {
      throw new NetError("closed", "Cannot write: closed");
    }
    const { libssl, engine: { scratch }, places } = this.#ground;
    let at = 0;
    while (at < size) {
      const isPlace = bytes === scratch && at % RECORD_SIZE === 0;
      const from = at === 0 ? bytes : isPlace ? places[at / RECORD_SIZE]! : bytes.subarray(at);
      const sent = libssl.SSL_write(ssl, from, Math.min(RECORD_SIZE, size - at));
      this.#half = sent <= 0;
      if (sent <= 0) {
        this.#nothing(ssl, sent, "write to");
        if (this.#failure) throw this.#failure;
        this.watchWriting();
        break;
      }
      at += sent;
    }
    return at;
  }

  ready(events: number): void {
    if (this.#ssl === undefined) return;
    if (this.#socket.closed) return this.#letGo(); // from outside
    if (events & (EPOLLHUP | EPOLLERR)) this.#broken = true;
    if (events & ~EPOLLOUT || this.#readsWithRoom) {
      this.readable = true;
      this.#readsWithRoom = false;
    }
    if (this.#farewell === "wanted") this.#sayFarewell();
    if (this.#closed) return this.#linger();
    if (this.#stir) return this.#stir();
    if (this.#flow) return this.#flow.ready(events);
    if (this.readable && this.#reader) this.#wakeReader();
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && this.#writer) this.#writeOn(this.#writer);
    if (this.#left) this.#tellLeft();
  }

  /** Continues the handshake as far as possible; returns true when it is complete. Throws NetError. */
  #step(isGood: (ssl: Pointer) => boolean): boolean {
    const ssl = this.#ssl;
    if (ssl === undefined) throw hungUp();
    const { libssl, engine: { libc } } = this.#ground;
    libssl.ERR_clear_error();
    this.readable = false;
    const result = libssl.SSL_do_handshake(ssl);
    if (result === 1) {
      libssl.ERR_clear_error();
      if (isGood(ssl)) return true;
      throw tlsError({ code: "CERT_HAS_EXPIRED" });
    }
    const errno = libc.errno(), why = libssl.SSL_get_error(ssl, result);
    if (why === SSL_ERROR_WANT_READ) return false;
    if (why === SSL_ERROR_WANT_WRITE) {
      this.watchWriting();
      return false;
    }
    const reason = why === SSL_ERROR_SSL ? takeReason(libssl) : undefined;
    if (why === SSL_ERROR_ZERO_RETURN || (why === SSL_ERROR_SYSCALL && errno === 0) || isCut(reason)) throw hungUp();
    if (why === SSL_ERROR_SYSCALL) throw tlsError({ code: "ECONNRESET" });
    const verified = libssl.SSL_get_verify_result(ssl);
    throw tlsError({ code: reason?.includes("VERIFY_FAILED") ? verifyErrors[verified] ?? reason : reason });
  }

  /** Resolves when octets have come, or room. Rejects with NetError if the socket is closed. */
  #stirred(): Promise<void> {
    if (this.#ssl === undefined) return Promise.reject(hungUp());
    if (this.readable) return done;
    return new Promise((resolve, reject) => {
      this.#stir = () => {
        this.#stir = undefined;
        this.#ssl === undefined ? reject(hungUp()) : resolve();
      };
    });
  }

  /** Stores the reason of a call without a result. */
  #nothing(ssl: Pointer, result: number, verb: string): void {
    const { libssl, engine } = this.#ground;
    const errno = engine.libc.errno(), why = libssl.SSL_get_error(ssl, result);
    switch (why) {
      case SSL_ERROR_WANT_READ:
        // It also returns after records without data; then the kernel may still have more.
        this.readable = errno !== EAGAIN;
        if (this.readable) engine.later(() => this.ready(EPOLLIN));
        return;
      case SSL_ERROR_WANT_WRITE:
        if (verb === "read from") { // it answers to a new key
          this.#readsWithRoom = true;
          this.readable = false;
        }
        return this.watchWriting();
      case SSL_ERROR_ZERO_RETURN:
        this.#ended = true;
        return;
    }
    const reason = why === SSL_ERROR_SSL ? takeReason(libssl) : undefined;
    if (why === SSL_ERROR_SYSCALL && errno !== 0) this.failed(errno, verb);
    // An end must be announced in TLS (RFC 8446 s6.1): anyone in between could end the connection.
    else if (why === SSL_ERROR_SYSCALL || isCut(reason)) {
      this.#failure ??= new NetError("reset", "Cannot read: the connection was cut within TLS");
    } else this.#failure ??= tlsError({ code: reason });
  }

  /** The next octets, null at the end, undefined if there are none now. Throws NetError. */
  #receive(): Uint8Array | null | undefined {
    const { scratch } = this.#ground.engine;
    const size = this.take(scratch, READ_SIZE);
    return size > 0 ? scratch.slice(0, size) : size === 0 ? null : undefined;
  }

  #wakeReader(): void {
    const reader = this.#reader!;
    try {
      const bytes = this.#receive();
      if (bytes === undefined) return;
      this.#reader = undefined;
      reader.resolve(bytes);
    } catch (error) {
      this.#reader = undefined;
      reader.reject(error);
    }
  }

  #writeOn(writer: Waiting<void> & { rest: Uint8Array<ArrayBuffer> }): void {
    try {
      writer.rest = writer.rest.subarray(this.send(writer.rest));
      if (writer.rest.length > 0) return;
      this.#writer = undefined;
      writer.resolve();
    } catch (error) {
      this.#writer = undefined;
      writer.reject(error);
    }
  }

  /** The peer's state, by peeking. */
  #tellLeft(): void {
    const ssl = this.#ssl;
    if (ssl === undefined) return;
    if (this.readable && !this.#ended && !this.#failure) {
      const seen = this.#ground.libssl.SSL_peek(ssl, octet, 1);
      if (seen > 0) {
        if (this.#socket.hungUp) this.#left?.("half-close");
        return;
      }
      this.#nothing(ssl, seen, "read from");
    }
    if (this.#failure || this.#broken) this.#left?.("reset");
    else if (this.#ended) this.#left?.("end");
  }

  #sayFarewell(): void {
    const ssl = this.#ssl;
    if (ssl === undefined) return;
    const { libssl, engine: { libc } } = this.#ground;
    if (!this.#broken && !this.#failure && !this.#half) {
      const result = libssl.SSL_shutdown(ssl);
      if (result < 0) {
        const errno = libc.errno(), why = libssl.SSL_get_error(ssl, result);
        if (why === SSL_ERROR_WANT_WRITE) return this.watchWriting();
        if (why === SSL_ERROR_SYSCALL && errno !== 0) this.failed(errno, "write to");
        libssl.ERR_clear_error();
      }
    }
    this.#farewell = "said";
    this.#socket.shutDown();
    this.#departed?.();
  }

  /**
   * Closes the socket when the peer has ended too, or after a time without progress: the kernel resets a connection that is closed
   * with unread octets, and sent data would be lost.
   */
  #leave(withinMs: number): void {
    if (this.#ssl === undefined) return;
    const { engine, departures } = this.#ground;
    if (this.#resets) return this.#letGo();
    this.shutDown();
    const kind = this.#failure?.kind;
    const isOver = this.#ended || kind === "reset" || kind === "closed";
    if (this.#broken || (isOver && this.#farewell === "said")) return this.#letGo();
    this.#stopLingering = engine.timers.after(withinMs, () => this.#letGo());
    if (this.#farewell !== "said") departures.add(new Promise((resolve) => this.#departed = resolve));
    this.#linger();
  }

  /** Later octets are discarded. */
  #linger(): void {
    if (this.#ssl === undefined) return;
    if (this.#broken) return this.#letGo();
    if (!this.readable || this.#farewell !== "said") return;
    const { engine } = this.#ground, { libc, scratch } = engine;
    const size = libc.recv(this.fd, scratch, scratch.length, 0);
    if (size > 0) return engine.later(() => this.#linger());
    this.readable = false;
    if (size === 0 || this.#socket.hungUp) this.#letGo();
  }

  /** Only once. */
  #letGo(): void {
    const ssl = this.#ssl;
    if (ssl === undefined) return;
    this.#ssl = undefined;
    this.#ground.libssl.SSL_free(ssl);
    this.#socket.divert(undefined);
    this.#resets ? this.#socket.reset() : this.#socket.close();
    this.#gone.make();
    this.#stopLingering?.();
    this.#departed?.();
    this.#stir?.();
    if (!this.#closed) this.close();
  }
}

/** For a look. */
const octet = new Uint8Array(1);

/** The text of OpenSSL 3; 1.1 has none. */
function isCut(reason: string | undefined): boolean {
  return reason !== undefined && /UNEXPECTED_EOF/.test(reason);
}

/** Texts of X509_verify_cert_error_string(3) that differ from the runtimes'. */
const verifyErrors: Readonly<Record<number, string>> = {
  2: "UNABLE_TO_GET_ISSUER_CERT",
  7: "CERT_SIGNATURE_FAILURE",
  9: "CERT_NOT_YET_VALID",
  10: "CERT_HAS_EXPIRED",
  18: "DEPTH_ZERO_SELF_SIGNED_CERT",
  19: "SELF_SIGNED_CERT_IN_CHAIN",
  20: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  27: "CERT_UNTRUSTED",
  62: "HOSTNAME_MISMATCH",
  64: "HOSTNAME_MISMATCH",
};
