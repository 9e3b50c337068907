/** Runs the microtasks that wait, without a turn of Bun's event loop. */
export async function microtaskDrain(): Promise<(() => void) | undefined> {
  return (await import("bun:jsc")).drainMicrotasks;
}
