import { Buffer } from "node:buffer";
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** Password hashes as text: $scrypt$ln=15,r=8,p=1$SALT$HASH, the PHC string format with scrypt (RFC 7914). */
export interface PasswordHash {
  /** Binary logarithm of the cost N. */
  readonly logCost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const LOG_COST = 15, BLOCK_SIZE = 8, PARALLELIZATION = 1, SALT_SIZE = 16, HASH_SIZE = 32;

/** Makes a new hash with a random salt. */
export async function hashPassword(password: Uint8Array): Promise<PasswordHash> {
  const salt = randomBytes(SALT_SIZE);
  const empty = {
    logCost: LOG_COST,
    blockSize: BLOCK_SIZE,
    parallelization: PARALLELIZATION,
    salt,
    hash: new Uint8Array(HASH_SIZE),
  };
  return { ...empty, hash: await derive(password, empty) };
}

export async function verifyPassword(password: Uint8Array, expected: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, expected), expected.hash);
}

export function formatHash({ logCost, blockSize, parallelization, salt, hash }: PasswordHash): string {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=${logCost},r=${blockSize},p=${parallelization}$${base64(salt)}$${base64(hash)}`;
}

/** Undefined where `text` is no such hash, or one whose cost would stop the gateway. */
export function parseHash(text: string): PasswordHash | undefined {
  const match = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (!match) return undefined;
  const [logCost, blockSize, parallelization] = match.slice(1, 4).map(Number) as [number, number, number];
  const [salt, hash] = match.slice(4).map((part) => Uint8Array.from(Buffer.from(part, "base64"))) as [
    Uint8Array,
    Uint8Array,
  ];
  const sane = logCost >= 1 && logCost <= 20 && blockSize >= 1 && blockSize <= 32 && parallelization >= 1 &&
    parallelization <= 16 && hash.length >= 16;
  return sane ? { logCost, blockSize, parallelization, salt, hash } : undefined;
}

function derive(password: Uint8Array, { logCost, blockSize, parallelization, salt, hash }: PasswordHash) {
  const cost = 2 ** logCost;
  const options = { N: cost, r: blockSize, p: parallelization, maxmem: 256 * cost * blockSize };
  return new Promise<Uint8Array>((resolve, reject) => {
    scrypt(password, salt, hash.length, options, (error, key) => error ? reject(error) : resolve(key));
  });
}
