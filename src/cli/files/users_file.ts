import { ConfigError, WrongValue } from "../../config/config_error.ts";
import { checkCredential, type ConfiguredUser } from "../../config/values/user.ts";
import {
  formatHash,
  hashPassword,
  parseHash,
  type PasswordHash,
  verifyPassword,
} from "../../gateway/users/password_hash.ts";
import { readText } from "./text_file.ts";

/**
 * Users by name and password, and those of the users file; `former` users with unchanged passwords keep their hashes; with
 * `others`, configured users need no password. Rejects with ConfigError, which lists all problems but never a line: it may
 * contain a password.
 */
export async function loadUsers(
  configured: readonly ConfiguredUser[],
  file: string | undefined,
  former?: ReadonlyMap<string, PasswordHash>,
  others = false,
): Promise<ReadonlyMap<string, PasswordHash>> {
  const problems: string[] = [];
  const attempt = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  };
  const users = file === undefined ? undefined : await attempt(async () => parseUsersFile(await readText(file), file));
  const all = new Map<string, PasswordHash>(users);
  for (const { name, password, passwordFile } of configured) {
    const elsewhere = passwordFile === undefined && password === undefined;
    const isThere = all.has(name) || (file !== undefined && !users); // a file that cannot be read may have the user
    if (elsewhere && !others && !isThere) {
      problems.push(`Cannot use user '${name}': it has no password here or in users_file`);
    }
    if (elsewhere) continue;
    if (all.has(name)) problems.push(`Cannot take --user '${name}': named twice`);
    const text = passwordFile === undefined ? password : await attempt(() => readPasswordFile(passwordFile));
    if (text !== undefined) all.set(name, await hashOf(new TextEncoder().encode(text), former?.get(name)));
  }
  if (problems.length > 0) throw new ConfigError(...problems);
  return all;
}

/** Keeps the former hash if the password still matches, so that what is remembered by the hash stays valid. */
async function hashOf(password: Uint8Array, former: PasswordHash | undefined): Promise<PasswordHash> {
  return former && await verifyPassword(password, former) ? former : await hashPassword(password);
}

/** The users of a file, which must have at least one. Throws ConfigError. */
export function parseUsersFile(text: string, file: string): Map<string, PasswordHash> {
  const users = parseUserLines(text, file);
  if (users.size === 0) throw new ConfigError(`Cannot use ${file}: no user in it`);
  return users;
}

/** Lines of NAME:HASH; blank lines and lines that begin with # are ignored. Throws ConfigError. */
export function parseUserLines(text: string, file: string): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  const problems: string[] = [];
  text.replace(/^\ufeff/, "").split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const wrong = (state: string) => problems.push(`Cannot parse ${file} line ${i + 1}: ${state}`);
    const at = line.indexOf(":");
    const hash = at > 0 ? parseHash(line.slice(at + 1).trim()) : undefined;
    if (!hash) return wrong("not NAME:HASH (gate46 users add makes such lines)");
    const name = line.slice(0, at);
    if (/^\ufeff|\0/.test(name)) return wrong("a byte order mark or an octet 0 in the name");
    if (users.has(name)) return wrong(`'${name}' is named twice`);
    users.set(name, hash);
  });
  if (problems.length > 0) throw new ConfigError(...problems);
  return users;
}

/** The line of a users file for these credentials. */
export async function usersFileLine(name: string, password: Uint8Array): Promise<string> {
  return `${name}:${formatHash(await hashPassword(password))}`;
}

/** The password is the whole file without its last line end. Rejects with ConfigError. */
export async function readPasswordFile(file: string): Promise<string> {
  const password = (await readText(file)).replace(/\r?\n$/, "");
  try {
    checkCredential("password", password);
  } catch (error) {
    throw error instanceof WrongValue ? new ConfigError(`Cannot use ${file}: ${error.message}`) : error;
  }
  return password;
}
