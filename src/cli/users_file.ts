import { readFileSync } from "node:fs";
import { ConfigError, WrongValue } from "../config/error.ts";
import { checkCredential, type ConfiguredUser } from "../config/user.ts";
import { formatHash, hashPassword, parseHash, type PasswordHash } from "../gateway/password_hash.ts";

/** Users by name and password, and of the users file. Throws ConfigError, which never repeats a line: it may hold a password. */
export async function loadUsers(
  configured: readonly ConfiguredUser[],
  file: string | undefined,
): Promise<ReadonlyMap<string, PasswordHash>> {
  const users = file === undefined ? new Map<string, PasswordHash>() : parseUsersFile(readText(file), file);
  for (const { name, password, passwordFile } of configured) {
    if (users.has(name)) throw new ConfigError(`Cannot take --user '${name}': named twice`);
    const text = passwordFile === undefined ? password! : readPasswordFile(passwordFile);
    users.set(name, await hashPassword(new TextEncoder().encode(text)));
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

/** The password is all of the file but its last line end. */
function readPasswordFile(file: string): string {
  const password = readText(file).replace(/\r?\n$/, "");
  try {
    checkCredential("password", password);
  } catch (error) {
    throw error instanceof WrongValue ? new ConfigError(`Cannot use ${file}: ${error.message}`) : error;
  }
  return password;
}

/** The content of a file that a person named. Throws ConfigError. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`Cannot read ${file}: ${(error as { code?: string }).code ?? error}`);
  }
}
