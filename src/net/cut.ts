/** Cancellation from outside: of a session, of a dial. An AbortSignal takes ten times the time and memory. */
export class Cut {
  #made = false;
  /** Most have one listener at a time, which needs no Set. */
  #first: (() => void) | undefined;
  #others: Set<() => void> | undefined;
  #controller: AbortController | undefined;

  /** True if it has fired. */
  get made(): boolean {
    return this.#made;
  }

  /** For runtime calls that need an AbortSignal; made on first use. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = this.#controller = new AbortController();
      this.on(() => controller.abort());
    }
    return this.#controller.signal;
  }

  /** Calls `close` when the cut fires, at once if it has. The returned function removes the listener. */
  on(close: () => void): () => void {
    if (this.#made) {
      close();
      return () => {};
    }
    if (!this.#first && !this.#others?.size) this.#first = close;
    else (this.#others ??= new Set()).add(close);
    return () => {
      if (this.#first === close) this.#first = undefined;
      else this.#others?.delete(close);
    };
  }

  /** Fires the cut. Idempotent. */
  make(): void {
    this.#made = true;
    const first = this.#first;
    this.#first = undefined;
    first?.();
    for (const close of this.#others ?? []) close();
    this.#others = undefined;
  }
}
