import { accessSync, closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { ConfigError } from "../../config/config_error.ts";
import { stateOf } from "../../net/error_words.ts";
import { writeAll } from "../files/write_all.ts";

/** The octets that one user has used in one period (ms since 1970). */
export interface Used {
  readonly since: number;
  readonly until: number;
  readonly bytes: number;
}

/** The storage of the users' usage. */
export interface QuotaStore {
  /** Throws ConfigError if it cannot be read, or no file can be made in its folder. */
  load(): ReadonlyMap<string, Used>;
  /** Throws the system's errors. */
  save(used: ReadonlyMap<string, Used>): void;
}

/**
 * A JSON file, replaced atomically: a reader sees the whole old or the whole new file. It has an entry for each user with
 * usage in a current period.
 */
export function quotaFile(path: string): QuotaStore {
  return {
    load() {
      checkFolder(path, constants.W_OK);
      let text;
      try {
        text = readFileSync(path, "utf8");
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "ENOENT") return new Map();
        throw new ConfigError(`Cannot read ${path} (--quota-file): ${code}`);
      }
      const used = parseUsed(text);
      if (!used) throw new ConfigError(`Cannot parse ${path} (--quota-file): it is not a count of quotas`);
      return used;
    },
    save(used) {
      const next = `${path}.new`;
      const fd = openSync(next, "w", 0o600);
      try {
        writeAll(fd, `${JSON.stringify({ version: 1, users: Object.fromEntries(used) })}\n`);
        fsyncSync(fd);
      } catch (error) {
        unlinkSync(next);
        throw error;
      } finally {
        closeSync(fd);
      }
      renameSync(next, path);
    },
  };
}

/** Throws ConfigError if the file's folder is not there or, by access(2) with `mode`, not usable: each save replaces the file. */
export function checkFolder(path: string, mode = constants.F_OK): void {
  try {
    accessSync(dirname(path), mode);
  } catch (error) {
    throw new ConfigError(`Cannot write ${path} (--quota-file): ${stateOf(error)}`);
  }
}

function parseUsed(text: string): ReadonlyMap<string, Used> | undefined {
  try {
    const { version, users } = JSON.parse(text) as { version: unknown; users: Record<string, Used> };
    const all = Object.entries(users);
    const good = all.every(([, { since, until, bytes }]) => [since, until, bytes].every(Number.isFinite) && bytes >= 0);
    return version === 1 && good ? new Map(all) : undefined;
  } catch {
    return undefined;
  }
}
