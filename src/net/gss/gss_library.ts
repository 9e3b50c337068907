import type { Pointer } from "../kernel/libc/library.ts";

/** The calls of libgssapi_krb5 that are used, in the letters of OpenLibrary; size_t passes as in libc.ts. */
export const gssSignatures = {
  gss_import_name: "pppp:u",
  gss_display_name: "popp:u",
  gss_localname: "popp:u",
  gss_release_name: "pp:u",
  gss_release_buffer: "pp:u",
  gss_acquire_cred_from: "poupipppp:u",
  gss_release_cred: "pp:u",
  gss_set_neg_mechs: "pop:u",
  gss_accept_sec_context: "ppopppppppp:u",
  gss_init_sec_context: "popopuupppppp:u",
  gss_delete_sec_context: "ppp:u",
  gss_wrap_iov: "poiuppi:u",
  gss_wrap_iov_length: "poiuppi:u",
  gss_unwrap: "popppp:u",
  gss_unwrap_iov: "popppi:u",
  gss_display_status: "puippp:u",
} as const;

export type GssCall = keyof typeof gssSignatures;

export const gssLibraryNames = ["libgssapi_krb5.so.2", "libgssapi_krb5.so"];

/** A handle of the library, or null. */
export type GssHandle = Pointer | null;
