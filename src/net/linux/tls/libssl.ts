import type { OpenLibrary, Pointer } from "../../kernel/libc/library.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The functions of OpenSSL (ssl(7), crypto(7)), by name, as far as both 1.1.1 and 3 have them. */
export interface Libssl {
  SSL_CTX_new(method: Pointer): Pointer | null;
  SSL_CTX_free(context: Pointer): void;
  SSL_CTX_ctrl(context: Pointer, command: number, number: number, pointer: Pointer | null): number;
  SSL_CTX_set_options(context: Pointer, options: number): number;
  SSL_CTX_set_num_tickets(context: Pointer, count: number): number;
  SSL_CTX_set_session_id_context(context: Pointer, id: Bytes, size: number): number;
  SSL_CTX_set_verify(context: Pointer, mode: number, callback: null): void;
  SSL_CTX_get_cert_store(context: Pointer): Pointer;
  SSL_CTX_add_client_CA(context: Pointer, certificate: Pointer): number;
  SSL_CTX_use_certificate(context: Pointer, certificate: Pointer): number;
  SSL_CTX_use_PrivateKey(context: Pointer, key: Pointer): number;
  SSL_CTX_check_private_key(context: Pointer): number;
  TLS_server_method(): Pointer;
  TLS_client_method(): Pointer;
  SSL_new(context: Pointer): Pointer | null;
  SSL_free(ssl: Pointer): void;
  SSL_set_bio(ssl: Pointer, reads: Pointer, writes: Pointer): void;
  SSL_set_accept_state(ssl: Pointer): void;
  SSL_set_connect_state(ssl: Pointer): void;
  SSL_ctrl(ssl: Pointer, command: number, number: number, pointer: Pointer | null): number;
  SSL_set1_host(ssl: Pointer, name: Bytes): number;
  SSL_set_hostflags(ssl: Pointer, flags: number): void;
  SSL_get0_param(ssl: Pointer): Pointer;
  SSL_do_handshake(ssl: Pointer): number;
  SSL_read(ssl: Pointer, bytes: Bytes, size: number): number;
  SSL_peek(ssl: Pointer, bytes: Bytes, size: number): number;
  SSL_write(ssl: Pointer, bytes: Bytes, size: number): number;
  SSL_shutdown(ssl: Pointer): number;
  SSL_get_error(ssl: Pointer, result: number): number;
  SSL_get_verify_result(ssl: Pointer): number;
  SSL_session_reused(ssl: Pointer): number;
  SSL_get_session(ssl: Pointer): Pointer | null;
  SSL_SESSION_get0_peer(session: Pointer): Pointer | null;
  X509_get0_notAfter(certificate: Pointer): Pointer;
  X509_cmp_current_time(time: Pointer): number;
  X509_STORE_new(): Pointer | null;
  X509_STORE_add_cert(store: Pointer, certificate: Pointer): number;
  X509_STORE_set_flags(store: Pointer, flags: number): number;
  X509_VERIFY_PARAM_set1_ip_asc(parameters: Pointer, address: Bytes): number;
  X509_free(certificate: Pointer): void;
  EVP_PKEY_free(key: Pointer): void;
  PEM_read_bio_X509(bio: Pointer, into: null, callback: null, password: Pointer): Pointer | null;
  PEM_read_bio_PrivateKey(bio: Pointer, into: null, callback: null, password: Pointer): Pointer | null;
  BIO_new_mem_buf(bytes: Bytes, size: number): Pointer | null;
  BIO_new_socket(fd: number, close: number): Pointer | null;
  BIO_new(method: Pointer): Pointer | null;
  BIO_f_buffer(): Pointer;
  BIO_ctrl(bio: Pointer, command: number, number: number, pointer: Pointer | null): number;
  BIO_push(bio: Pointer, next: Pointer): Pointer;
  BIO_free(bio: Pointer): number;
  ERR_get_error(): number;
  ERR_clear_error(): void;
  ERR_reason_error_string(code: number): Pointer | null;
  OPENSSL_init_ssl(options: number, settings: null): number;
  OpenSSL_version(which: number): Pointer;
  /** As OpenLibrary has them. */
  pointerTo(bytes: Bytes): Pointer;
  textAt(pointer: Pointer): string;
}

/** As OpenLibrary takes them. */
const signatures: Readonly<Record<Exclude<keyof Libssl, "pointerTo" | "textAt">, string>> = {
  SSL_CTX_new: "o:o",
  SSL_CTX_free: "o:v",
  SSL_CTX_ctrl: "oiio:i",
  SSL_CTX_set_options: "ou:u",
  SSL_CTX_set_num_tickets: "ou:i",
  SSL_CTX_set_session_id_context: "opu:i",
  SSL_CTX_set_verify: "oio:v",
  SSL_CTX_get_cert_store: "o:o",
  SSL_CTX_add_client_CA: "oo:i",
  SSL_CTX_use_certificate: "oo:i",
  SSL_CTX_use_PrivateKey: "oo:i",
  SSL_CTX_check_private_key: "o:i",
  TLS_server_method: ":o",
  TLS_client_method: ":o",
  SSL_new: "o:o",
  SSL_free: "o:v",
  SSL_set_bio: "ooo:v",
  SSL_set_accept_state: "o:v",
  SSL_set_connect_state: "o:v",
  SSL_ctrl: "oiio:i",
  SSL_set1_host: "op:i",
  SSL_set_hostflags: "ou:v",
  SSL_get0_param: "o:o",
  SSL_do_handshake: "o:i",
  SSL_read: "opi:i",
  SSL_peek: "opi:i",
  SSL_write: "opi:i",
  SSL_shutdown: "o:i",
  SSL_get_error: "oi:i",
  SSL_get_verify_result: "o:i",
  SSL_session_reused: "o:i",
  SSL_get_session: "o:o",
  SSL_SESSION_get0_peer: "o:o",
  X509_get0_notAfter: "o:o",
  X509_cmp_current_time: "o:i",
  X509_STORE_new: ":o",
  X509_STORE_add_cert: "oo:i",
  X509_STORE_set_flags: "ou:i",
  X509_VERIFY_PARAM_set1_ip_asc: "op:i",
  X509_free: "o:v",
  EVP_PKEY_free: "o:v",
  PEM_read_bio_X509: "oooo:o",
  PEM_read_bio_PrivateKey: "oooo:o",
  BIO_new_mem_buf: "pi:o",
  BIO_new_socket: "ii:o",
  BIO_new: "o:o",
  BIO_f_buffer: ":o",
  BIO_ctrl: "oiio:i",
  BIO_push: "oo:o",
  BIO_free: "o:i",
  ERR_get_error: ":u",
  ERR_clear_error: ":v",
  ERR_reason_error_string: "u:o",
  OPENSSL_init_ssl: "uo:i",
  OpenSSL_version: "i:o",
};

/** Its names: OpenSSL 3, then 1.1; what it needs of libcrypto is found through it. */
export const libraryNames = ["libssl.so.3", "libssl.so.1.1"];

/** Not at exit(3): other threads still use TLS then. */
const OPENSSL_INIT_NO_ATEXIT = 0x80000;

/** `SSL_get_error(3)` and numbers of openssl/ssl.h, the same in both. */
export const SSL_ERROR_SSL = 1,
  SSL_ERROR_WANT_READ = 2,
  SSL_ERROR_WANT_WRITE = 3,
  SSL_ERROR_SYSCALL = 5,
  SSL_ERROR_ZERO_RETURN = 6;

/** A callable OpenSSL. */
export interface FoundLibssl {
  readonly libssl: Libssl;
  /** As "libssl.so.3 (OpenSSL 3.0.17 1 Jul 2025)". */
  readonly name: string;
}

/** Undefined if there is none. It is loaded by the system's search path only. */
export function findLibssl(open: OpenLibrary): FoundLibssl | undefined {
  const library = open(libraryNames, signatures);
  if (!library) return undefined;
  const { functions, pointerTo, textAt } = library;
  const libssl = { ...functions, pointerTo, textAt } as unknown as Libssl;
  if (libssl.OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, null) !== 1) return undefined;
  return { libssl, name: `${library.name} (${textAt(libssl.OpenSSL_version(0))})` };
}

/** The first error of this thread since the last call, for example "WRONG_VERSION_NUMBER"; undefined without one. */
export function takeReason(libssl: Libssl): string | undefined {
  const code = libssl.ERR_get_error();
  if (code === 0) return undefined;
  libssl.ERR_clear_error();
  const text = libssl.ERR_reason_error_string(code);
  return text ? libssl.textAt(text).toUpperCase().replaceAll(" ", "_") : `0x${code.toString(16)}`;
}
