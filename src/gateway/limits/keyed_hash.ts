/**
 * 64-bit hash of `key`, as two 32-bit numbers, which are never both 0. The secret, `low` and `high`, keeps clients from
 * choosing keys that collide.
 */
export function keyedHash(key: string, low: number, high: number): readonly [low: number, high: number] {
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high ^ code, 0x85ebca77);
    low ^= high >>> 15;
  }
  low = Math.imul(low ^ (low >>> 16), 0xc2b2ae3d) ^ high;
  high = Math.imul(high ^ (high >>> 13), 0x27d4eb2f) ^ low;
  return [low, high | 1];
}
