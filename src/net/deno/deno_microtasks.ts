interface Internals {
  readonly core?: { runMicrotasks?(): void };
}

/** Runs the microtasks that wait, without a turn of Deno's event loop; undefined where this Deno has no such call. */
export function microtaskDrain(): (() => void) | undefined {
  const internals = (Deno as unknown as Record<symbol, Internals>)[(Deno as unknown as { internal: symbol }).internal];
  return internals?.core?.runMicrotasks?.bind(internals.core);
}
