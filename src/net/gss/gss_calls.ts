import { NetError } from "../error.ts";
import type { Library } from "../kernel/libc/library.ts";
import type { GssCall, GssHandle } from "./gss_library.ts";
import { type Held, keyValueWords, oidSetWords, oidWords, Slot } from "./gss_memory.ts";

type Words = BigUint64Array<ArrayBuffer>;

/** Bits of a major status that say that a call has failed (RFC 2744 s3.9.1), and that more tokens are wanted. */
const ERRORS = 0xffff0000, CONTINUE_NEEDED = 1;

/** Kinds of status for gss_display_status. */
const GSS_C_GSS_CODE = 1, GSS_C_MECH_CODE = 2;

/** Flags of a context (RFC 2744 s5.19). */
export const GSS_C_MUTUAL_FLAG = 2,
  GSS_C_REPLAY_FLAG = 4,
  GSS_C_SEQUENCE_FLAG = 8,
  GSS_C_CONF_FLAG = 16,
  GSS_C_INTEG_FLAG = 32;

const GSS_C_INDEFINITE = 0xffffffff;

export const GSS_C_INITIATE = 1, GSS_C_ACCEPT = 2;

/** Maximum octets of a token. */
const MAX_TOKEN_SIZE = 65_535;

/** Room in the buffer for a token's header and trailer. */
const ROOM = 256;

/** struct gss_iov_buffer_desc { uint32 type; gss_buffer_desc { size_t size; void *value } } has three words. */
const IOV_DATA = 1, IOV_HEADER = 2, IOV_TRAILER = 7, IOV_PADDING = 9, IOV_STREAM = 10;

const KRB5 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]; // 1.2.840.113554.1.2.2
const SPNEGO = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02]; // 1.3.6.1.5.5.2
const KRB5_PRINCIPAL = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01]; // …2.2.1
const HOSTBASED_SERVICE = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04]; // 1.2.840.113554.1.2.1.4

const decoder = new TextDecoder();

/** Octets of a token's header and trailer. */
export interface Overhead {
  readonly header: number;
  readonly trailer: number;
}

/** The result of a context step. */
export interface Step {
  readonly answer: Uint8Array;
  readonly established: boolean;
  readonly flags: number;
}

/** The library in one thread, with buffers for its arguments and results: one call at a time. Failures are NetErrors. */
export class GssCalls {
  readonly library: Library;
  readonly #minor = new Uint32Array(1);
  readonly #in: Words = new BigUint64Array(2);
  readonly #out: Words = new BigUint64Array(2);
  readonly #state = new Int32Array(1);
  readonly #flags = new Uint32Array(1);
  readonly #iov: Words = new BigUint64Array(4 * 3);
  readonly #iovTypes = new Uint32Array(this.#iov.buffer);
  readonly #memory = new Uint8Array(ROOM + MAX_TOKEN_SIZE + ROOM);
  readonly #at: bigint;
  readonly #held: Held = [];
  readonly #krb5: Words;
  readonly #principal: Words;
  readonly #hostbased: Words;
  readonly #krb5Only: Words;
  readonly #negotiating: Words;

  constructor(library: Library) {
    this.library = library;
    this.#at = BigInt(library.addressOf(this.#memory.buffer)) + BigInt(ROOM);
    const oid = (octets: readonly number[]) => oidWords(library, octets, this.#held);
    this.#krb5 = oid(KRB5);
    this.#principal = oid(KRB5_PRINCIPAL);
    this.#hostbased = oid(HOSTBASED_SERVICE);
    this.#krb5Only = oidSetWords(library, [this.#krb5], this.#held);
    this.#negotiating = oidSetWords(library, [this.#krb5, oid(SPNEGO)], this.#held);
  }

  /** A name: service@host, or a principal if it has a slash. The caller releases the slot. */
  importName(text: string): Slot {
    const name = new Slot(this.library);
    const type = text.includes("/") ? this.#principal : this.#hostbased;
    const input = this.#input(new TextEncoder().encode(text));
    this.#check("understand the name", this.#call("gss_import_name", input, type, name.words));
    return name;
  }

  releaseName(name: Slot): void {
    if (!name.isEmpty) this.#call("gss_release_name", name.words);
  }

  /**
   * Credentials of Kerberos alone, from the places that `store` names: keytab, rcache, ccache, client_keytab. With `negotiating`
   * they are for SPNEGO (RFC 4178) too, which then comes to Kerberos.
   */
  credentials(
    usage: typeof GSS_C_INITIATE | typeof GSS_C_ACCEPT,
    store: Readonly<Record<string, string>>,
    name?: Slot,
    negotiating = false,
  ): Slot {
    const credentials = new Slot(this.library);
    const held: Held = []; // which the library has copied when the call is over
    const said = Object.keys(store).length > 0 ? keyValueWords(this.library, store, held) : null;
    const mechanisms = negotiating ? this.#negotiating : this.#krb5Only;
    const major = this.#call(
      "gss_acquire_cred_from",
      name?.handle ?? null,
      GSS_C_INDEFINITE,
      mechanisms,
      usage,
      said,
      credentials.words,
      null,
      null,
    );
    held.length = 0;
    this.#check("have credentials", major);
    if (negotiating) this.#check("negotiate", this.#call("gss_set_neg_mechs", credentials.handle, this.#krb5Only));
    return credentials;
  }

  releaseCredentials(credentials: Slot): void {
    if (!credentials.isEmpty) this.#call("gss_release_cred", credentials.words);
  }

  /** `peer` is set when the context is established; the caller releases it. */
  accept(context: Slot, credentials: Slot, token: Uint8Array, peer: Slot): Step {
    const input = this.#input(token);
    const major = this.#call(
      "gss_accept_sec_context",
      context.words,
      credentials.handle,
      input,
      null,
      peer.words,
      null,
      this.#out,
      this.#flags,
      null,
      null,
    );
    return this.#step("accept the context", major);
  }

  /** An empty `token` begins it. */
  initiate(context: Slot, credentials: Slot, target: Slot, flags: number, token: Uint8Array): Step {
    const input = this.#input(token);
    const major = this.#call(
      "gss_init_sec_context",
      credentials.handle,
      context.words,
      target.handle,
      this.#krb5,
      flags,
      0,
      null,
      token.length === 0 ? null : input,
      null,
      this.#out,
      this.#flags,
      null,
    );
    return this.#step("begin a context", major);
  }

  deleteContext(context: Slot): void {
    if (!context.isEmpty) this.#call("gss_delete_sec_context", context.words, null);
  }

  displayName(name: GssHandle): string {
    this.#check("tell a name", this.#call("gss_display_name", name, this.#out, null));
    return decoder.decode(this.#taken());
  }

  /** What this machine calls it; undefined where it has no name for it. */
  localName(name: GssHandle): string | undefined {
    const failed = (this.#call("gss_localname", name, null, this.#out) & ERRORS) !== 0;
    return failed ? undefined : decoder.decode(this.#taken());
  }

  /** A token's overhead; constant for a context and level. */
  overhead(context: GssHandle, sealed: boolean): Overhead {
    this.#part(0, IOV_HEADER, 0, 0n);
    this.#part(1, IOV_DATA, 1_000, 0n);
    this.#part(2, IOV_PADDING, 0, 0n);
    this.#part(3, IOV_TRAILER, 0, 0n);
    const major = this.#call("gss_wrap_iov_length", context, sealed ? 1 : 0, 0, this.#state, this.#iov, 4);
    this.#check("wrap", major);
    const [header, padding, trailer] = [1, 7, 10].map((word) => Number(this.#iov[word])) as [number, number, number];
    if (padding !== 0 || header > ROOM || trailer > ROOM) {
      throw failed("wrap", "these tokens are of no kind known here");
    }
    return { header, trailer };
  }

  /** A token with `room` octets in front, of at most MAX_TOKEN_SIZE. */
  wrap(
    context: GssHandle,
    sealed: boolean,
    { header, trailer }: Overhead,
    bytes: Uint8Array,
    room: number,
    into?: Uint8Array<ArrayBuffer>,
  ): Uint8Array<ArrayBuffer> {
    const size = bytes.length;
    if (header + size + trailer > MAX_TOKEN_SIZE) throw failed("wrap", `${size} octets are too many`);
    this.#memory.set(bytes, ROOM);
    this.#part(0, IOV_HEADER, header, this.#at - BigInt(header));
    this.#part(1, IOV_DATA, size, this.#at);
    this.#part(2, IOV_PADDING, 0, 0n);
    this.#part(3, IOV_TRAILER, trailer, this.#at + BigInt(size));
    this.#check("wrap", this.#call("gss_wrap_iov", context, sealed ? 1 : 0, 0, this.#state, this.#iov, 4));
    if (Number(this.#iov[1]) !== header || (sealed && this.#state[0] !== 1)) {
      throw failed("wrap", "it is not as asked for");
    }
    return this.#copy(ROOM - header - room, ROOM + size + Number(this.#iov[10]), into);
  }

  /** The content of a token, and its encryption. */
  unwrap(
    context: GssHandle,
    token: Uint8Array,
    into?: Uint8Array,
  ): { readonly bytes: Uint8Array; readonly sealed: boolean } {
    if (token.length > MAX_TOKEN_SIZE) throw failed("unwrap", `a token of ${token.length} octets`);
    this.#memory.set(token, ROOM);
    this.#part(0, IOV_STREAM, token.length, this.#at);
    this.#part(1, IOV_DATA, 0, 0n);
    const major = this.#call("gss_unwrap_iov", context, this.#state, null, this.#iov, 2);
    this.#check("unwrap", major);
    if (major !== 0) return this.#unwrapAgain(context, token);
    const from = Number(this.#iov[5]! - this.#at) + ROOM;
    return { bytes: this.#copy(from, from + Number(this.#iov[4]), into), sealed: this.#state[0] === 1 };
  }

  /** A view that the next call overwrites. */
  #copy<T extends Uint8Array>(from: number, to: number, into?: T): T | Uint8Array<ArrayBuffer> {
    if (!into) return this.#memory.slice(from, to);
    into.set(this.#memory.subarray(from, to));
    return into.subarray(0, to - from) as T;
  }

  /** Of a token that has come before, late or early the library tells only that; but to this call, which takes more time, all. */
  #unwrapAgain(context: GssHandle, token: Uint8Array): { readonly bytes: Uint8Array; readonly sealed: boolean } {
    this.#check("unwrap", this.#call("gss_unwrap", context, this.#input(token), this.#out, this.#state, null));
    return { bytes: this.#taken(), sealed: this.#state[0] === 1 };
  }

  #call(name: GssCall, ...parameters: readonly unknown[]): number {
    return (this.library.functions[name]!(this.#minor, ...parameters) as number) >>> 0;
  }

  #part(index: number, type: number, size: number, address: bigint): void {
    this.#iovTypes[6 * index] = type;
    this.#iov[3 * index + 1] = BigInt(size);
    this.#iov[3 * index + 2] = address;
  }

  /** `bytes` as the library takes them: struct gss_buffer_desc { size_t length; void *value }. */
  #input(bytes: Uint8Array): Words {
    if (bytes.length > MAX_TOKEN_SIZE) throw failed("take a token", `it has ${bytes.length} octets`);
    this.#memory.set(bytes, ROOM);
    this.#in[0] = BigInt(bytes.length);
    this.#in[1] = this.#at;
    return this.#in;
  }

  #step(what: string, major: number): Step {
    const minor = this.#minor[0]!; // releasing the answer overwrites it
    const answer = this.#taken();
    this.#minor[0] = minor;
    this.#check(what, major);
    return { answer, established: (major & CONTINUE_NEEDED) === 0, flags: this.#flags[0]! };
  }

  /** A buffer of the library, which is released. */
  #taken(): Uint8Array<ArrayBuffer> {
    const bytes = this.library.copy(this.#out[1]!, Number(this.#out[0]));
    this.#call("gss_release_buffer", this.#out);
    return bytes;
  }

  /** Throws NetError if a call failed. */
  #check(what: string, major: number): void {
    if ((major & ERRORS) !== 0) throw failed(what, this.#words(major, this.#minor[0]!));
  }

  /** The library's text for a failure. */
  #words(major: number, minor: number): string {
    const said: string[] = [];
    const more = new Uint32Array(1);
    for (const [status, kind] of [[major, GSS_C_GSS_CODE], [minor, GSS_C_MECH_CODE]] as const) {
      if (status === 0) continue;
      more[0] = 0;
      do {
        const mechanism = kind === GSS_C_MECH_CODE ? this.#krb5 : null;
        if (this.#call("gss_display_status", status, kind, mechanism, more, this.#out) & ERRORS) break;
        said.push(decoder.decode(this.#taken()));
      } while (more[0] !== 0);
    }
    return said.join("; ") || `status ${major.toString(16)}`;
  }
}

function failed(what: string, state: string): NetError {
  return new NetError("other", `Cannot ${what}: ${state}`);
}
