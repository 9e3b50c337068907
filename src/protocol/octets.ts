/** The two arrays concatenated. */
export function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  return joinedAll([head, tail]);
}

/** All arrays concatenated. */
export function joinedAll(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
