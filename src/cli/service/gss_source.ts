import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { NetError } from "../../net/error.ts";
import type { GssAcceptor } from "../../net/gss/gss.ts";
import { acceptorBy } from "../../net/gss/gss_acceptor.ts";
import type { GssCalls } from "../../net/gss/gss_calls.ts";

/** Who lets clients in by GSSAPI, where the configuration has a keytab; only then, and when one comes, `open` opens the library. */
export function acceptorOf(config: GssConfig, open: () => GssCalls): GssAcceptor | undefined {
  const { gssapiKeytab: keytab, gssapiService: service, gssapiReplayCache: replayCache } = config;
  if (keytab === undefined) return undefined;
  return acceptorBy(open, { keytab, service, replayCache });
}

/** Throws ConfigError where it could let nobody in. */
export function checkAcceptor(acceptor: GssAcceptor | undefined): void {
  try {
    acceptor?.check();
  } catch (error) {
    throw error instanceof NetError ? new ConfigError(`Cannot use --gssapi-keytab: ${stateOf(error)}`) : error;
  }
}

export type GssConfig = Pick<Config, "gssapiKeytab" | "gssapiService" | "gssapiReplayCache">;

function stateOf({ message }: NetError): string {
  return message.replace(/^Cannot [^:]*: /, "");
}
