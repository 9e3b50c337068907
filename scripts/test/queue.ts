/** Does `work` for each of `items`, so many at a time, in their order. Those that have not begun when `cut` aborts never do. */
export async function eachAtATime<T>(
  items: readonly T[],
  atATime: number,
  cut: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const serve = async () => {
    for (let item = waiting.shift(); item !== undefined && !cut.aborted; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, serve));
}
