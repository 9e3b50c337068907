import type { Emit } from "../events.ts";
import type { GssAcceptor } from "../net/gss/gss.ts";
import type { Tls } from "../net/tls/tls.ts";
import type { Reach } from "./dial/plan.ts";
import type { Asking, Authenticator } from "./entrance/methods.ts";
import type { QuotaMeter } from "./quotas/quota_meter.ts";
import type { Ruleset } from "./rules/ruleset.ts";
import type { GatewaySettings } from "./settings.ts";
import type { Upstreams } from "./upstreams/upstreams.ts";

/** A loaded configuration: new clients are served by it until another is applied. */
export interface Configured extends Reach {
  /** Who may go where. */
  readonly ruleset: Ruleset;
  /** Limits, deadlines and the rest; `defaultSettings` is a start. */
  readonly settings: GatewaySettings;
  /** The upstreams of rules with `via`. */
  readonly upstreams?: Upstreams;
  /** Checks usernames and passwords; undefined if none are required. */
  readonly authenticator: Authenticator | undefined;
  /** Accepts clients by GSSAPI, if there is a keytab. */
  readonly gssapi?: GssAcceptor | undefined;
  /** The certificate for clients of TLS. */
  readonly tls?: Tls | undefined;
  /** Told of all that happens. */
  readonly emit: Emit;
  /** Counts what users with a quota have relayed, and knows whose is used up. */
  readonly quotas?: QuotaMeter | undefined;
}

export function askingOf({ authenticator, gssapi, settings }: Configured): Asking {
  return {
    password: authenticator !== undefined,
    gssapi: gssapi !== undefined,
    gssapiFirst: settings.gssapiFirst,
  };
}
