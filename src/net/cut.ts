/** Something called off from outside: a session, a dial. AbortSignal says the same for ten times the time and memory. */
export class Cut {
  #made = false;
  #closers: Set<() => void> | undefined;
  #controller: AbortController | undefined;

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
    const closers = this.#closers ??= new Set();
    closers.add(close);
    return () => void closers.delete(close);
  }

  make(): void {
    this.#made = true;
    for (const close of this.#closers ?? []) close();
    this.#closers = undefined;
  }
}
