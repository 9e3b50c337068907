import { Buffer, isUtf8 } from "node:buffer";
import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from "node:crypto";

/** Block size of scrypt's PBKDF2-HMAC-SHA-256: longer passwords are replaced by their digest, shorter ones are padded with zeros. */
const DIGEST_SIZE = 32;

/** The cost of checking a password. */
export interface HashCost {
  /** Binary logarithm of the cost N. */
  readonly logCost: number;
  /** scrypt's r. */
  readonly blockSize: number;
  /** scrypt's p. */
  readonly parallelization: number;
}

/** Password hashes as text: $scrypt$ln=15,r=8,p=1$SALT$HASH, the PHC string format with scrypt (RFC 7914). */
export interface PasswordHash extends HashCost {
  /** Random octets. */
  readonly salt: Uint8Array;
  /** What scrypt makes of password and salt. */
  readonly hash: Uint8Array;
}

const SALT_SIZE = 16, HASH_SIZE = 32;

/** The cost of new hashes: tens of ms of a core and 32 MiB. */
const usualCost: HashCost = { logCost: 15, blockSize: 8, parallelization: 1 };

/** Maximum of costFactor(): 256 MiB, or about a second. */
const MAX_COST_FACTOR = 2 ** 21;

/** Makes a new hash with a random salt. */
export async function hashPassword(password: Uint8Array): Promise<PasswordHash> {
  const random = decoyHash(usualCost);
  return { ...random, hash: await derive(password, random) };
}

/** A hash that no password matches, with the same cost. */
export function decoyHash({ logCost, blockSize, parallelization }: HashCost = usualCost): PasswordHash {
  return { logCost, blockSize, parallelization, salt: randomBytes(SALT_SIZE), hash: randomBytes(HASH_SIZE) };
}

/** The work of a hash, in blocks of 128 octets. */
export function costFactor({ logCost, blockSize, parallelization }: HashCost): number {
  return 2 ** logCost * blockSize * parallelization;
}

/**
 * True if scrypt distinguishes `password` from all others: not with an octet 0, which equals padding, nor if it may be
 * the digest of a password longer than a block. A digest is hardly ever text, and a password is.
 */
export function isDistinct(password: Uint8Array): boolean {
  return !password.includes(0) && (password.length !== DIGEST_SIZE || isUtf8(password));
}

export async function verifyPassword(password: Uint8Array, expected: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, expected), expected.hash);
}

/** A hash as text, which parseHash() reads. */
export function formatHash({ logCost, blockSize, parallelization, salt, hash }: PasswordHash): string {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=${logCost},r=${blockSize},p=${parallelization}$${base64(salt)}$${base64(hash)}`;
}

/** Undefined if `text` is not such a hash, or its cost would stall the gateway. */
export function parseHash(text: string): PasswordHash | undefined {
  const match = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (!match) return undefined;
  const [logCost, blockSize, parallelization] = match.slice(1, 4).map(Number) as [number, number, number];
  const [salt, hash] = match.slice(4).map((part) => Uint8Array.from(Buffer.from(part, "base64"))) as [
    Uint8Array,
    Uint8Array,
  ];
  const parsed = { logCost, blockSize, parallelization, salt, hash };
  const sane = logCost >= 1 && blockSize >= 1 && parallelization >= 1 && costFactor(parsed) <= MAX_COST_FACTOR &&
    hash.length >= 16;
  return sane ? parsed : undefined;
}

/** The cost as scrypt's parameters. */
export function scryptOptions({ logCost, blockSize, parallelization }: HashCost): ScryptOptions {
  const cost = 2 ** logCost;
  return { N: cost, r: blockSize, p: parallelization, maxmem: 256 * blockSize * (cost + parallelization + 2) };
}

function derive(password: Uint8Array, expected: PasswordHash): Promise<Uint8Array> {
  const { salt, hash } = expected;
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Uint8Array) => error ? reject(error) : resolve(key);
    scrypt(password, salt, hash.length, scryptOptions(expected), done);
  });
}
