import type { Asker } from "../../turns/fair_queue.ts";
import { NetError } from "../error.ts";
import type { AcceptedSocket, Socket } from "../socket.ts";

/** A certificate chain and its private key; PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface TlsServerOptions extends TlsIdentity {
  /** Client certificate authority (PEM); undefined: no client certificates. */
  readonly clientCa?: string | undefined;
}

export interface TlsClientOptions {
  /** The name or address that the server's certificate must have. */
  readonly name: string;
  /** CA certificates for the server, PEM; undefined for the runtime's list. */
  readonly ca?: string | undefined;
  /** Client certificate, if the server requests one. */
  readonly identity?: TlsIdentity | undefined;
}

/** A stream of octets. close() lets written octets leave; read() then reports the end. */
export type TlsEnd = Pick<Socket, "read" | "write" | "closeWrite" | "close">;

/** TLS without a connection: octets of one end come out of the other. */
export interface TlsEnds {
  /** The encrypted octets. */
  readonly sealed: TlsEnd;
  /** The plaintext octets. */
  readonly clear: TlsEnd;
  /** Resolves after the handshake; rejects with NetError if it fails, or if `sealed` ends before. */
  readonly secured: Promise<void>;
}

/** The server's side of TLS, by one certificate. */
export interface TlsAcceptor {
  /** The asker, for shared resources. */
  accept(asker: Asker): TlsEnds;
  /** Accepted connections live on. */
  close(): void;
}

/** TLS of the runtime: 1.2 and later. */
export interface TlsRuntime {
  /** True if `clientCa`, and `identity`, are supported. */
  readonly asksForCertificates: boolean;
  readonly showsCertificates: boolean;
  /** Throws where the certificate or the key is none. */
  acceptor(options: TlsServerOptions): TlsAcceptor;
  connect(options: TlsClientOptions, asker: Asker): TlsEnds;
}

/** TLS over sockets, for `asker`. Both reject with NetError, and close the socket then. */
export interface Tls {
  /** With a connected client; `early` are octets it has sent already. */
  accept(socket: Socket, asker: Asker, early?: Uint8Array): Promise<AcceptedSocket>;
  /** With a server that must prove `name`. */
  connect(socket: Socket, name: string, asker: Asker, early?: Uint8Array): Promise<Socket>;
  /** Resolves when all octets of closed sockets have left, or cannot. */
  left(): Promise<void>;
}

/** Runtimes' errors of certificates and handshakes, by code or text; the first match counts. */
const states: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED|Expired|\bexpired/, "the certificate has expired"],
  [/CERT_NOT_YET_VALID|NotValidYet|not valid yet/, "the certificate is not valid yet"],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH|not valid for name|NotValidForName/, "the certificate is for another name"],
  [/NOT_RETURN_A_CERTIFICATE|NO_CERTIFICATES|no certificates/, "no certificate was shown"],
  [/ALERT_CERTIFICATE_REQUIRED|CertificateRequired/, "the peer requires a certificate"],
  [/ALERT_UNKNOWN_CA|received fatal alert: UnknownCA/, "the peer does not trust the authority of our certificate"],
  [
    /SELF_SIGNED|UNABLE_TO_|UnknownIssuer|BadSignature|SIGNATURE_FAILURE|CERT_UNTRUSTED/,
    "the certificate's authority is not trusted here",
  ],
  [/invalid peer certificate|CERT_|CERTIFICATE_VERIFY_FAILED/, "the certificate is not valid"],
  [/PROTOCOL_VERSION|ProtocolVersion|UNSUPPORTED_PROTOCOL|SupportedVersions/, "no version of TLS in common"],
  [/WRONG_VERSION|InvalidContentType|HTTP_REQUEST|InvalidMessage|corrupt message/, "the peer does not speak TLS"],
];

/** The NetError of a failed handshake. */
export function tlsError(error: unknown): NetError {
  if (error instanceof NetError) return error;
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const said = `${code ?? ""} ${message ?? ""}`;
  const state = states.find(([pattern]) => pattern.test(said))?.[1];
  if (state) return new NetError("other", `Cannot speak TLS: ${state}`, { cause: error });
  if (/ECONNRESET|EOF|end of file|hang up|hung up|closed|disconnected/i.test(said)) return hungUp();
  return new NetError("other", `Cannot speak TLS: ${code ?? message ?? "no reason given"}`, { cause: error });
}

/** The peer left during the handshake. */
export function hungUp(): NetError {
  return new NetError("closed", "Cannot speak TLS: it has hung up");
}
