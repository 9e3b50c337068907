import { NetError } from "../error.ts";
import type { GssContext, Unwrapped } from "./gss.ts";
import { GSS_C_MUTUAL_FLAG, type GssCalls, type Overhead, type Step } from "./gss_calls.ts";
import { Slot } from "./gss_memory.ts";

/** One side's step of a context. */
type Act = (context: Slot, token: Uint8Array) => Step;

/** A context of the library. `ended` releases the other handles that it was made with. */
export class LibraryContext implements GssContext {
  established = false;
  mutual = false;
  peer: string | undefined;
  peerLocally: string | undefined;
  readonly #calls: GssCalls;
  readonly #slot: Slot;
  readonly #act: Act;
  readonly #overheads: Overhead[] = [];
  #closed = false;

  constructor(calls: GssCalls, act: Act, slot: Slot = new Slot(calls.library)) {
    this.#calls = calls;
    this.#act = act;
    this.#slot = slot;
  }

  step(token: Uint8Array): Uint8Array {
    this.#checkOpen();
    const { answer, established, flags } = this.#act(this.#slot, token);
    this.settle(established, flags);
    return answer;
  }

  /** Stores the result of a step. */
  settle(established: boolean, flags: number): void {
    this.established = established;
    this.mutual = (flags & GSS_C_MUTUAL_FLAG) !== 0;
  }

  wrap(bytes: Uint8Array, sealed: boolean, room: number, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.#checkOpen();
    return this.#calls.wrap(this.#slot.handle, sealed, this.#overhead(sealed), bytes, room, into);
  }

  unwrap(token: Uint8Array, into?: Uint8Array): Unwrapped {
    this.#checkOpen();
    return this.#calls.unwrap(this.#slot.handle, token, into);
  }

  capacity(sealed: boolean, size: number): number {
    this.#checkOpen();
    const { header, trailer } = this.#overhead(sealed);
    return size - header - trailer;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#calls.deleteContext(this.#slot);
  }

  #overhead(sealed: boolean): Overhead {
    return this.#overheads[sealed ? 1 : 0] ??= this.#calls.overhead(this.#slot.handle, sealed);
  }

  #checkOpen(): void {
    if (this.#closed) throw new NetError("closed", "Cannot use the context: closed");
  }
}
