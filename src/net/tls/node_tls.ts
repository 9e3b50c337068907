import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { connect, createSecureContext, createServer, type DetailedPeerCertificate, TLSSocket } from "node:tls";
import { NetError } from "../error.ts";
import { laterEnd } from "./later_end.ts";
import { hungUp, type TlsEnd, type TlsEnds, tlsError, type TlsRuntime } from "./tls.ts";

/**
 * Input is passed in pieces, and only while this much or less waits to be read: beyond 64 KiB in all, Deno buffers input without
 * a bound, and may never report its end.
 */
const PIECE_SIZE = 32 << 10, MAX_UNREAD = 16 << 10;

/** Certificates between a client's and its authority, that one included. */
const MAX_CHAIN = 8;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;

/** TLS by node:tls, which takes any stream for its connection. */
export const nodeTls: TlsRuntime = {
  asksForCertificates: true,
  showsCertificates: true,
  acceptor({ cert, key, clientCa: ca }) {
    const options = { cert, key, minVersion: "TLSv1.2" } as const;
    const secureContext = createSecureContext(options); // throws if they are invalid
    return {
      accept: () =>
        endsOf((stream, secured, failed) => {
          if (ca === undefined) {
            // Not by a server, of which Deno 2.9 keeps 30 kB for each handshake that fails.
            const tls = new TLSSocket(stream as Socket, { isServer: true, secureContext });
            tls.on("secure", () => secured(tls)).on("error", failed).on("_tlsError", (error) => tls.destroy(error));
            return;
          }
          // One that knows whom to refuse; for each client, so that it is known whose handshake is over.
          const asking = { ca, requestCert: true, rejectUnauthorized: true, allowHalfOpen: true };
          const judged = (tls: TLSSocket) => {
            if (isVouchedFor(tls, ca)) return secured(tls);
            failed(new Error("UnknownIssuer: of the certificate that a ticket stands for"));
            tls.destroy();
          };
          createServer({ ...options, ...asking }, judged).on("tlsClientError", failed).emit("connection", stream);
        }),
      close: () => {},
    };
  },
  connect: ({ name, ca, identity }) =>
    endsOf((stream, secured, failed) => {
      const who = isIP(name) === 0 ? { servername: name } : { host: name };
      const options = {
        socket: stream,
        ...who,
        ...ca !== undefined && { ca },
        ...identity && { cert: identity.cert, key: identity.key },
        minVersion: "TLSv1.2",
      };
      const tls = connect(options as Parameters<typeof connect>[0], () => secured(tls));
      tls.on("error", failed);
    }),
};

/**
 * True if the client's certificate is issued by an authority in `ca`. Deno accepts a ticket (RFC 8446 s4.6.1) from the time of
 * other authorities, and neither ticketKeys nor sessionIdContext prevent that.
 */
function isVouchedFor(tls: TLSSocket, ca: string): boolean {
  if (!tls.isSessionReused()) return true;
  const authorities = (ca.match(CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  const isOf = (one: X509Certificate, issuer: X509Certificate) =>
    one.checkIssued(issuer) && one.verify(issuer.publicKey);
  let at: DetailedPeerCertificate | undefined = tls.getPeerCertificate(true);
  for (let depth = 0; at?.raw && depth < MAX_CHAIN; depth++) {
    const one = new X509Certificate(at.raw), now = Date.now();
    if (now < Date.parse(one.validFrom) || now > Date.parse(one.validTo)) return false;
    if (authorities.some((authority) => isOf(one, authority))) return true;
    at = at.issuerCertificate;
    if (!at?.raw) return false;
    const issuer = new X509Certificate(at.raw);
    if (!issuer.ca || !isOf(one, issuer)) return false;
  }
  return false;
}

/** Starts a handshake over `stream`, and reports its outcome. */
type Begin = (stream: Duplex, secured: (tls: TLSSocket) => void, failed: (error: Error) => void) => void;

function endsOf(begin: Begin): TlsEnds {
  const handshake = Promise.withResolvers<TlsEnd>();
  const sealed = new Sealed(() => handshake.reject(hungUp()));
  begin(sealed, (tls) => handshake.resolve(clearEnd(tls, sealed)), (error) => handshake.reject(tlsError(error)));
  handshake.promise.catch(() => sealed.end());
  return {
    sealed: sealed.outside,
    clear: laterEnd(handshake.promise),
    secured: handshake.promise.then(() => {}),
  };
}

/** The stream that TLS uses as its connection. */
class Sealed extends Duplex {
  /** The encrypted side. */
  readonly outside: TlsEnd;
  /** node:tls begins in a later turn; octets that come before make Deno 2.9 throw an uncatchable error. */
  readonly #begun = turn();
  #out: { readonly bytes: Uint8Array; readonly taken: () => void } | undefined;
  #reader: ((bytes: Uint8Array | null) => void) | undefined;
  #finished = false;
  #room = () => {};
  /** Decrypted octets that were not read. */
  unread = () => 0;

  /** `ended` is called when no more octets can come, and all received ones have passed. */
  constructor(ended: () => void) {
    super({ allowHalfOpen: true });
    const over = () => setImmediate(() => setImmediate(ended));
    this.on("error", () => {}).on("close", over);
    this.outside = {
      read: () => this.#take(),
      write: async (bytes) => {
        await this.#begun;
        for (let at = 0; at < bytes.length && !this.destroyed; at += PIECE_SIZE) {
          this.push(Buffer.from(bytes.subarray(at, at + PIECE_SIZE)));
          await turn();
          while (!this.destroyed && this.unread() > MAX_UNREAD) {
            await new Promise<void>((resolve) => this.#room = resolve);
          }
        }
      },
      closeWrite: async () => {
        await this.#begun;
        if (!this.destroyed) this.push(null);
        over();
      },
      close: () => void this.#begun.then(() => this.destroy()),
    };
  }

  override _read(): void {
    this.makeRoom();
  }

  /** Something was read. */
  makeRoom(): void {
    this.#room();
  }

  override _write(bytes: Uint8Array, _encoding: unknown, taken: () => void): void {
    this.#out = { bytes, taken };
    this.#deliver();
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], taken: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), undefined, taken);
  }

  override _final(done: () => void): void {
    this.#finished = true;
    this.#deliver();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#finished = true;
    this.#room();
    this.#deliver();
    done(error);
  }

  #take(): Promise<Uint8Array | null> {
    return new Promise((resolve) => {
      this.#reader = resolve;
      this.#deliver();
    });
  }

  #deliver(): void {
    const reader = this.#reader, out = this.#out;
    if (!reader || (!out && !this.#finished)) return;
    this.#reader = this.#out = undefined;
    reader(out?.bytes ?? null);
    out?.taken();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The end of the octets that are meant, after the handshake. */
function clearEnd(tls: TLSSocket, sealed: Sealed): TlsEnd {
  let ended = false, failure: NetError | undefined;
  let wake = () => {};
  sealed.unread = () => tls.readableLength;
  const end = () => {
    ended = true;
    wake();
  };
  tls.on("readable", () => wake()).on("end", end).on("close", end);
  tls.on("close", () => sealed.end());
  tls.on("error", (error) => {
    const told = tlsError(error);
    if (told.kind !== "closed") failure ??= told; // an end without close_notify is not a failure
    wake();
  });
  return {
    async read() {
      for (;;) {
        const bytes = tls.read() as Uint8Array | null;
        sealed.makeRoom();
        if (bytes) return bytes;
        if (failure) throw failure;
        if (ended) return null;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        const closed = () => reject(failure ?? new NetError("closed", "Cannot write: closed"));
        if (tls.destroyed) return closed();
        tls.once("close", closed);
        tls.write(Buffer.from(bytes), (error) => {
          tls.off("close", closed);
          error ? closed() : resolve();
        });
      }),
    closeWrite: () => {
      tls.end();
      return Promise.resolve();
    },
    close: () => tls.destroySoon(),
  };
}
