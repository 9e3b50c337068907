/** Something called off from outside: a session, a dial. AbortSignal says the same for ten times the time and memory. */
export class Cut {
  #made = false;
  /** Most have one at a time, which needs no Set. */
  #first: (() => void) | undefined;
  #others: Set<() => void> | undefined;
  #controller: AbortController | undefined;

  /** Whether it was made. */
  get made(): boolean {
    return this.#made;
  }

  /** For calls of a runtime that take nothing else; made when first asked for. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = this.#controller = new AbortController();
      this.on(() => controller.abort());
    }
    return this.#controller.signal;
  }

  /** Calls `close` when the cut is made, at once if it has been. The returned function calls that off. */
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

  /** Ends whatever waits by it. Idempotent. */
  make(): void {
    this.#made = true;
    const first = this.#first;
    this.#first = undefined;
    first?.();
    for (const close of this.#others ?? []) close();
    this.#others = undefined;
  }
}
