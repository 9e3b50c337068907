/**
 * The calls of libgssapi_krb5 that are used, by parameters and result: i int, u unsigned, p memory of ours or null, h what the
 * library has made or null. `net/deno/deno_gss.ts` and `net/bun/bun_gss.ts` bind them. size_t passes as in libc.ts.
 */
export const gssSignatures = {
  gss_import_name: "pppp:u",
  gss_display_name: "phpp:u",
  gss_localname: "phpp:u",
  gss_release_name: "pp:u",
  gss_release_buffer: "pp:u",
  gss_acquire_cred_from: "phupipppp:u",
  gss_release_cred: "pp:u",
  gss_set_neg_mechs: "php:u",
  gss_accept_sec_context: "pphpppppppp:u",
  gss_init_sec_context: "phphpuupppppp:u",
  gss_delete_sec_context: "ppp:u",
  gss_wrap_iov: "phiuppi:u",
  gss_wrap_iov_length: "phiuppi:u",
  gss_unwrap: "phpppp:u",
  gss_unwrap_iov: "phpppi:u",
  gss_display_status: "puippp:u",
} as const;

export type GssCall = keyof typeof gssSignatures;

export const gssLibraryNames = ["libgssapi_krb5.so.2", "libgssapi_krb5.so"];

/** Something of the library's: of the runtime that binds it. */
export type GssHandle = unknown;

/** The library as a runtime binds it. */
export interface GssLibrary {
  readonly calls: Readonly<Record<GssCall, (...args: readonly unknown[]) => number>>;
  /** As Libc has it. */
  addressOf(buffer: ArrayBuffer): number;
  /** What is at an address that the library has told; null at 0. */
  handle(address: bigint): GssHandle;
  /** A copy of the library's memory. */
  copy(address: bigint, size: number): Uint8Array<ArrayBuffer>;
}
