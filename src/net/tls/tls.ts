import type { Asker } from "../../turns/fair_queue.ts";
import { NetError } from "../error.ts";
import type { AcceptedSocket, Socket } from "../socket.ts";

/** A certificate with those between it and its authority, and its key; PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface TlsServerOptions extends TlsIdentity {
  /** Clients need a certificate of this authority (PEM); they are not asked for one where it is undefined. */
  readonly clientCa?: string | undefined;
}

export interface TlsClientOptions {
  /** The name, or the address, that the server's certificate has to have. */
  readonly name: string;
  /** Who may vouch for the server, in PEM; the runtime's own list where undefined. */
  readonly ca?: string | undefined;
  /** What the server is shown where it asks. */
  readonly identity?: TlsIdentity | undefined;
}

/** Octets in, octets out. close() lets leave what was written; read() then tells the end. */
export type TlsEnd = Pick<Socket, "read" | "write" | "closeWrite" | "close">;

/** TLS without a connection: what goes into one end comes out of the other. */
export interface TlsEnds {
  /** The octets that travel. */
  readonly sealed: TlsEnd;
  /** The octets that are meant. */
  readonly clear: TlsEnd;
  /** Resolves after the handshake; rejects with NetError where there is none, and when `sealed` ends before. */
  readonly secured: Promise<void>;
}

/** The server's side of TLS, by one certificate. */
export interface TlsAcceptor {
  /** On whose account what all share is used. */
  accept(asker: Asker): TlsEnds;
  /** Those that were accepted live on. */
  close(): void;
}

/** What the runtime can do of TLS: 1.2 and later. */
export interface TlsRuntime {
  /** Whether `clientCa` can be had, and `identity`. */
  readonly asksForCertificates: boolean;
  readonly showsCertificates: boolean;
  /** Throws where the certificate or the key is none. */
  acceptor(options: TlsServerOptions): TlsAcceptor;
  connect(options: TlsClientOptions, asker: Asker): TlsEnds;
}

/** TLS over sockets, on the account of `asker`. Both reject with NetError, and close the socket then. */
export interface Tls {
  /** With a client that has connected; `early` is what it has said already. */
  accept(socket: Socket, asker: Asker, early?: Uint8Array): Promise<AcceptedSocket>;
  /** With a server that has to be `name`. */
  connect(socket: Socket, name: string, asker: Asker, early?: Uint8Array): Promise<Socket>;
  /** Resolves when all that was written to sockets which are closed has left, or cannot. */
  left(): Promise<void>;
}

/** What a runtime says of a certificate or a handshake, by code or words; the first that fits counts. */
const states: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED|Expired|\bexpired/, "the certificate has expired"],
  [/CERT_NOT_YET_VALID|NotValidYet|not valid yet/, "the certificate is not valid yet"],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH|not valid for name|NotValidForName/, "the certificate is for another name"],
  [/NOT_RETURN_A_CERTIFICATE|NO_CERTIFICATES|no certificates/, "no certificate was shown"],
  [/ALERT_CERTIFICATE_REQUIRED|CertificateRequired/, "it wants a certificate"],
  [/ALERT_UNKNOWN_CA|received fatal alert: UnknownCA/, "it does not know the authority of our certificate"],
  [
    /SELF_SIGNED|UNABLE_TO_|UnknownIssuer|BadSignature|SIGNATURE_FAILURE|CERT_UNTRUSTED/,
    "the certificate is of an authority that is not known here",
  ],
  [/invalid peer certificate|CERT_|CERTIFICATE_VERIFY_FAILED/, "the certificate is no good"],
  [/PROTOCOL_VERSION|ProtocolVersion|UNSUPPORTED_PROTOCOL|SupportedVersions/, "no version of TLS in common"],
  [/WRONG_VERSION|InvalidContentType|HTTP_REQUEST|InvalidMessage|corrupt message/, "that is no TLS"],
];

/** Why there was no handshake. */
export function tlsError(error: unknown): NetError {
  if (error instanceof NetError) return error;
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const said = `${code ?? ""} ${message ?? ""}`;
  const state = states.find(([pattern]) => pattern.test(said))?.[1];
  if (state) return new NetError("other", `Cannot speak TLS: ${state}`, { cause: error });
  if (/ECONNRESET|EOF|end of file|hang up|hung up|closed|disconnected/i.test(said)) return hungUp();
  return new NetError("other", `Cannot speak TLS: ${code ?? message ?? "no reason given"}`, { cause: error });
}

/** The other side left before TLS was agreed on. */
export function hungUp(): NetError {
  return new NetError("closed", "Cannot speak TLS: it has hung up");
}
