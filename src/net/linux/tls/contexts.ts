import { rootCertificates } from "node:tls";
import type { Pointer } from "../../kernel/libc/library.ts";
import type { TlsClientOptions, TlsIdentity, TlsServerOptions } from "../../tls/tls.ts";
import { type Libssl, takeReason } from "./libssl.ts";

/** Numbers of openssl/ssl.h and openssl/x509_vfy.h, the same in 1.1.1 and 3. */
const SSL_CTRL_MODE = 33,
  SSL_CTRL_SET_READ_AHEAD = 41,
  SSL_CTRL_SET_SESS_CACHE_MODE = 44,
  SSL_CTRL_SET_TICKET_KEYS = 59,
  SSL_CTRL_CLEAR_MODE = 78,
  SSL_CTRL_CHAIN_CERT = 89,
  SSL_CTRL_SET_VERIFY_CERT_STORE = 106,
  SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const SSL_MODE_ENABLE_PARTIAL_WRITE = 1,
  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2,
  SSL_MODE_AUTO_RETRY = 4,
  SSL_MODE_RELEASE_BUFFERS = 0x10;
const SSL_OP_NO_COMPRESSION = 0x20000, SSL_OP_NO_RENEGOTIATION = 0x40000000;
const SSL_VERIFY_PEER = 1, SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2;
const X509_V_FLAG_PARTIAL_CHAIN = 0x80000;
const TLS1_2_VERSION = 0x0303;

/** Octets of the ticket keys (SSL_CTX_set_tlsext_ticket_keys). */
export const TICKET_KEYS_SIZE = 80;

/** The SSL_CTX of new connections; closed once, and kept by connections that have begun. */
export interface TlsContext {
  readonly pointer: Pointer;
  close(): void;
}

/**
 * The server's side. Only tickets (RFC 5077, RFC 8446 s4.6.1) sealed with `ticketKeys` are accepted: each configuration has its own keys,
 * so tickets of another one are worthless. Throws Error; its message contains nothing of the key.
 */
export function serverContext(
  libssl: Libssl,
  { clientCa, ...identity }: TlsServerOptions,
  ticketKeys: Uint8Array<ArrayBuffer>,
): TlsContext {
  return opened(libssl, libssl.TLS_server_method(), (context) => {
    show(libssl, context, identity);
    libssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_TICKET_KEYS, ticketKeys.length, libssl.pointerTo(ticketKeys));
    libssl.SSL_CTX_set_num_tickets(context, 1);
    if (clientCa === undefined) return;
    const id = ticketKeys.slice(0, 16); // the key's name, not secret
    libssl.SSL_CTX_set_session_id_context(context, id, id.length);
    const store = libssl.SSL_CTX_get_cert_store(context);
    trust(libssl, store, clientCa, (authority) => libssl.SSL_CTX_add_client_CA(context, authority));
    libssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, null);
  });
}

/** The client's side. Throws Error; its message contains nothing of the key. */
export function clientContext(
  libssl: Libssl,
  { ca, identity }: Omit<TlsClientOptions, "name">,
): TlsContext {
  return opened(libssl, libssl.TLS_client_method(), (context) => {
    if (identity) show(libssl, context, identity);
    if (ca === undefined) libssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_VERIFY_CERT_STORE, 1, rootStore(libssl));
    else trust(libssl, libssl.SSL_CTX_get_cert_store(context), ca);
    libssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER, null);
  });
}

function opened(libssl: Libssl, method: Pointer, set: (context: Pointer) => void): TlsContext {
  const pointer = libssl.SSL_CTX_new(method);
  if (!pointer) throw new Error(takeReason(libssl) ?? "no memory");
  const modes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;
  try {
    libssl.SSL_CTX_ctrl(pointer, SSL_CTRL_MODE, modes, null);
    // Otherwise a read continues through key updates, and others get no turn.
    libssl.SSL_CTX_ctrl(pointer, SSL_CTRL_CLEAR_MODE, SSL_MODE_AUTO_RETRY, null);
    libssl.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_READ_AHEAD, 1, null);
    libssl.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_SESS_CACHE_MODE, 0, null);
    libssl.SSL_CTX_set_options(pointer, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    if (libssl.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, null) !== 1) {
      throw new Error(takeReason(libssl) ?? "no TLS 1.2");
    }
    set(pointer);
  } catch (error) {
    libssl.SSL_CTX_free(pointer);
    throw error;
  } finally {
    libssl.ERR_clear_error(); // the end of PEM is one
  }
  let open = true;
  return {
    pointer,
    close() {
      if (open) libssl.SSL_CTX_free(pointer);
      open = false;
    },
  };
}

/** Sets the certificate and key to show. */
function show(libssl: Libssl, context: Pointer, { cert, key }: TlsIdentity): void {
  const checked = (done: number) => {
    if (done !== 1) throw new Error(takeReason(libssl) ?? "it is none");
  };
  let count = 0;
  for (const certificate of certificatesIn(libssl, cert)) {
    // A chain is counted up by the library, the first certificate is not.
    if (count++ === 0) checked(libssl.SSL_CTX_use_certificate(context, certificate));
    else checked(libssl.SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, certificate));
  }
  const privateKey = fromPem(libssl, key, (bio) => libssl.PEM_read_bio_PrivateKey(bio, null, null, noPassword(libssl)));
  if (!privateKey) throw new Error(takeReason(libssl) ?? "no private key");
  try {
    checked(libssl.SSL_CTX_use_PrivateKey(context, privateKey));
    checked(libssl.SSL_CTX_check_private_key(context));
  } finally {
    libssl.EVP_PKEY_free(privateKey);
  }
}

/** Accepts certificates issued by one in `ca`, root or not. */
function trust(libssl: Libssl, store: Pointer, ca: string, also = (_authority: Pointer): unknown => undefined): void {
  libssl.X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  for (const authority of certificatesIn(libssl, ca)) {
    libssl.X509_STORE_add_cert(store, authority);
    also(authority);
  }
}

let roots: Pointer | undefined;

/** The runtime's own list. Reading it takes 50 ms, once per thread. */
function rootStore(libssl: Libssl): Pointer {
  if (roots) return roots;
  const store = libssl.X509_STORE_new();
  if (!store) throw new Error("no memory");
  trust(libssl, store, rootCertificates.join("\n"));
  return roots = store;
}

/** Each is valid until the next call. */
function* certificatesIn(libssl: Libssl, pem: string): Generator<Pointer> {
  for (const [block] of pem.matchAll(/-----BEGIN [^]*?-----END [A-Z ]*-----/g)) {
    const certificate = fromPem(libssl, block, (bio) => libssl.PEM_read_bio_X509(bio, null, null, noPassword(libssl)));
    if (!certificate) throw new Error(takeReason(libssl) ?? "no certificate");
    try {
      yield certificate;
    } finally {
      libssl.X509_free(certificate);
    }
  }
}

function fromPem(libssl: Libssl, pem: string, read: (bio: Pointer) => Pointer | null): Pointer | null {
  const bytes = new TextEncoder().encode(`${pem}\n`);
  const bio = libssl.BIO_new_mem_buf(bytes, bytes.length);
  if (!bio) return null;
  const found = read(bio);
  libssl.BIO_free(bio);
  bytes.fill(0); // referenced until here; it may have been a key
  return found;
}

/** Without one it would ask the terminal. */
const empty = new Uint8Array(1);
function noPassword(libssl: Libssl): Pointer {
  return libssl.pointerTo(empty);
}
