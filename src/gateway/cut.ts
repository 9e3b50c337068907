/** A session's end from outside. AbortSignal says the same for ten times the memory, which every idle session would hold. */
export class Cut {
  #made = false;
  #closers: Set<() => void> | undefined;
  #controller: AbortController | undefined;

  get made(): boolean {
    return this.#made;
  }

  /** For what only takes that; made when first asked for. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = this.#controller = new AbortController();
      this.on(() => controller.abort());
    }
    return this.#controller.signal;
  }

  /** Calls `close` when the session is cut, at once if it has been. The returned function calls that off. */
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
