import type { FamilyChoice, Rule } from "../gateway/rules/rule.ts";
import type { GatewaySettings } from "../gateway/settings.ts";
import type { Upstream } from "../gateway/upstreams/upstream.ts";
import type { SettingKey, Values } from "./options.ts";
import type { ConfiguredUser } from "./values/user.ts";
import type { ListenSpec } from "./values/listen.ts";

/** The whole configuration: the options that are not gateway settings, and values derived from several options. */
export interface Config extends
  Omit<
    Values,
    | SettingKey
    | "config"
    | "listen"
    | "forward"
    | "user"
    | "authExempt"
    | "open"
    | "drain"
    | "drainDelay"
    | "prefer"
    | "only"
    | "via"
  > {
  readonly listen: readonly ListenSpec[];
  readonly users: readonly ConfiguredUser[];
  readonly rules: readonly Rule[];
  /** The upstreams that rules name. */
  readonly upstreams: readonly Upstream[];
  readonly drainMs: number;
  readonly drainDelayMs: number;
  /** The choice of a destination's address family, unless a rule sets another. */
  readonly family: FamilyChoice | undefined;
  /** True if it may listen beyond loopback: strangers are refused, or --open is set. */
  readonly mayBeExposed: boolean;
  readonly gateway: GatewaySettings;
}

/** True if clients must authenticate. */
export function asksClients(
  { users, gssapiKeytab, ...rest }: Pick<Config, "users" | "usersFile" | "gssapiKeytab" | "authCommand" | "authUrl">,
): boolean {
  return users.length > 0 || (rest.usersFile ?? gssapiKeytab ?? rest.authCommand ?? rest.authUrl) !== undefined;
}
