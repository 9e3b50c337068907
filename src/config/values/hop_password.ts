import { ConfigError, WrongValue } from "../config_error.ts";

/** `socks5://USER@HOST?password-file=FILE`, or `?udp=tcp&password-file=FILE`: an upstream's password file. */

const KEY = /[?&]password-file=/;

/** Reads that password file, once for each path. Throws ConfigError. */
export type ReadPassword = (path: string) => string;

/** `url` with its path resolved by `resolve`. */
export function withPasswordPath(url: string, resolve: (path: string) => string): string {
  const [bare, path, key] = parts(url);
  return path === undefined ? url : `${bare}${key}${resolve(path)}`;
}

/** `url` with the password itself. Throws WrongValue if it has no user name, or has a password already. */
export function withPassword(url: string, read: ReadPassword): string {
  const [bare, path] = parts(url);
  if (path === undefined) return url;
  const [, scheme, user, host] = /^([a-z0-9+.-]+:\/\/)([^/:@\s]+)@([^@]+)$/i.exec(bare) ?? [];
  if (user === undefined || path === "") throw new WrongValue("is not socks5://USER@HOST?password-file=FILE");
  return `${scheme}${user}:${encodeURIComponent(read(path))}@${host}`;
}

/** withPassword() for all of `urls`; adds errors to `problems`. */
export function withPasswords(urls: readonly string[], read: ReadPassword, problems: string[]): readonly string[] {
  return urls.map((url) => {
    try {
      return withPassword(url, read);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return url;
    }
  });
}

function parts(url: string): [bare: string, path?: string, key?: string] {
  const found = KEY.exec(url);
  if (!found) return [url];
  const [key] = found;
  return [url.slice(0, found.index), url.slice(found.index + key.length), key];
}
