/** Sessions examined in one step: 0.2 ms, and up to 5 ms before the runtime has compiled the code. */
export const STEP = 100;

/** The result of `steps`, with a `rest` after each. */
export async function stepped<T>(steps: Generator<void, T>, rest: () => Promise<void>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await rest();
  }
}

/** The result of `steps`, without rests. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
