/** Nobody waits so long but where something is broken: a busy machine is not. */
const LONG_MS = 30_000;

/** Resolves when `condition` holds; rejects, naming `what`, when it does not within `ms`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = LONG_MS): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Cannot wait any longer until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** `promise`, or a rejection that names `what` after `ms`. */
export function within<T>(what: string, promise: Promise<T>, ms = LONG_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Cannot wait any longer for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
