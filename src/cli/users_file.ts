import { readFileSync } from "node:fs";
import { ConfigError, type UserPassword } from "../config.ts";
import { formatHash, hashPassword, parseHash, type PasswordHash } from "../gateway/password_hash.ts";

/** Users of the flags and of the file. Throws ConfigError, which never repeats a line: it may hold a password. */
export async function loadUsers(
  flags: readonly UserPassword[],
  file: string | undefined,
): Promise<ReadonlyMap<string, PasswordHash>> {
  const users = file === undefined ? new Map<string, PasswordHash>() : parseUsersFile(readUsersFile(file), file);
  for (const { name, password } of flags) {
    if (users.has(name)) throw new ConfigError(`Cannot take --user '${name}': named twice`);
    users.set(name, await hashPassword(new TextEncoder().encode(password)));
  }
  return users;
}

/** Lines of NAME:HASH; blank lines and lines that begin with # mean nothing. Throws ConfigError. */
export function parseUsersFile(text: string, file: string): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  text.replace(/^\ufeff/, "").split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const wrong = (state: string) => new ConfigError(`Cannot parse ${file} line ${i + 1}: ${state}`);
    const at = line.indexOf(":");
    const hash = at > 0 ? parseHash(line.slice(at + 1).trim()) : undefined;
    if (!hash) throw wrong("not NAME:HASH (gate46 hash-password makes such lines)");
    const name = line.slice(0, at);
    if (users.has(name)) throw wrong(`'${name}' is named twice`);
    users.set(name, hash);
  });
  if (users.size === 0) throw new ConfigError(`Cannot use ${file}: no user in it`);
  return users;
}

/** The line of a users file for these credentials. */
export async function usersFileLine(name: string, password: Uint8Array): Promise<string> {
  return `${name}:${formatHash(await hashPassword(password))}`;
}

function readUsersFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`Cannot read ${file}: ${(error as { code?: string }).code ?? error}`);
  }
}
