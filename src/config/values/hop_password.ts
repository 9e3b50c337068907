import { ConfigError, WrongValue } from "../config_error.ts";

/** `socks5://USER@HOST?password-file=FILE`, or `?udp=tcp&password-file=FILE`: the password of an upstream stands alone in a file, as users' may. */

const KEY = /[?&]password-file=/;

/** Reads that file, once for each path. Throws ConfigError. */
export type ReadPassword = (path: string) => string;

/** `url` with the path in it as `resolve` makes it. */
export function withPasswordPath(url: string, resolve: (path: string) => string): string {
  const [bare, path, key] = parts(url);
  return path === undefined ? url : `${bare}${key}${resolve(path)}`;
}

/** `url` with the password itself. Throws WrongValue where it does not say whose, or has one already. */
export function withPassword(url: string, read: ReadPassword): string {
  const [bare, path] = parts(url);
  if (path === undefined) return url;
  const [, scheme, user, host] = /^([a-z0-9+.-]+:\/\/)([^/:@\s]+)@([^@]+)$/i.exec(bare) ?? [];
  if (user === undefined || path === "") throw new WrongValue("is not socks5://USER@HOST?password-file=FILE");
  return `${scheme}${user}:${encodeURIComponent(read(path))}@${host}`;
}

/** withPassword() for all of `urls`; what is wrong goes to `problems`. */
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
