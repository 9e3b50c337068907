const ids = new Uint16Array(64);
let used = ids.length;

/** An unpredictable id (RFC 5452 s9.2). */
export function randomId(): number {
  if (used === ids.length) {
    crypto.getRandomValues(ids);
    used = 0;
  }
  return ids[used++]!;
}
