import type { Config } from "../../config/config.ts";
import type { Authenticator } from "../../gateway/entrance/methods.ts";
import type { Logins } from "../../gateway/users/logins.ts";
import { OutsideUsers } from "../../gateway/users/outside_users.ts";
import type { PasswordHash } from "../../gateway/users/password_hash.ts";
import { Users } from "../../gateway/users/users.ts";
import { systemClock } from "../../net/clock.ts";
import { CommandPool } from "./command_pool.ts";
import { askUrl } from "./url_asking.ts";

/** The check of passwords. */
export interface Authority {
  /** Undefined if no client is asked for a password. */
  readonly authenticator: Authenticator | undefined;
  close(): void;
}

/** The authority of a configuration: its users, and the program or server that it asks about other users. */
export function openAuthority(
  { authCommand, authUrl, authCache: keepMs, gateway: settings }: Config,
  users: ReadonlyMap<string, PasswordHash>,
  logins: Logins,
): Authority {
  const inside = users.size > 0 ? new Users(users, { settings, logins }) : undefined;
  const pool = authCommand && new CommandPool(authCommand, systemClock);
  const ask = pool ? pool.ask : authUrl && askUrl(authUrl, systemClock);
  return {
    authenticator: ask ? new OutsideUsers({ ask, settings, logins, keepMs, inside }) : inside,
    close: () => pool?.close(),
  };
}
