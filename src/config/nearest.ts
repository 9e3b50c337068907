/** The known word closest to `word`; undefined if none is close. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known.map((one) => ({ one, distance: distance(word, one) })).sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(1, Math.round(word.length / 3)) ? best.one : undefined;
}

/** The number of letters to insert, delete or replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
