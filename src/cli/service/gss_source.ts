import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { NetError } from "../../net/error.ts";
import type { GssAcceptor } from "../../net/gss/gss.ts";
import { acceptorBy } from "../../net/gss/gss_acceptor.ts";
import type { GssCalls } from "../../net/gss/gss_calls.ts";
import { stateOf } from "../../net/error_words.ts";

/** Who lets clients in by GSSAPI, where the configuration has a keytab; only then, and when one comes, `open` opens the library. */
export function acceptorOf(config: GssConfig, open: () => GssCalls): GssAcceptor | undefined {
  const { gssapiKeytab: keytab, gssapiService: service, gssapiReplayCache: replayCache } = config;
  if (keytab === undefined) return undefined;
  return acceptorBy(open, { keytab, service, replayCache, locally: config.gateway.gssapiUser === "local" });
}

/** Throws ConfigError where that could let nobody in. */
export function checkAcceptor(config: GssConfig, open: () => GssCalls): void {
  const refused = cannotAccept(config, open);
  if (refused !== undefined) throw new ConfigError(refused);
  const { gssapiKeytab, gssapiReplayCache: cache } = config;
  const unwritable = gssapiKeytab === undefined || cache === undefined ? undefined : cannotWrite(cache);
  if (unwritable !== undefined) throw new ConfigError(`Cannot use --gssapi-replay-cache ${cache}: ${unwritable}`);
}

export type GssConfig = Pick<Config, "gssapiKeytab" | "gssapiService" | "gssapiReplayCache" | "gateway">;

/** Why nobody could be let in; undefined where they can, and where there is no keytab. */
export function cannotAccept(config: GssConfig, open: () => GssCalls): string | undefined {
  const acceptor = acceptorOf(config, open);
  try {
    acceptor?.check();
    return undefined;
  } catch (error) {
    if (error instanceof NetError) return `Cannot use --gssapi-keytab: ${error.message.replace(/^Cannot [^:]*: /, "")}`;
    throw error;
  } finally {
    acceptor?.close();
  }
}

/** Why a replay cache cannot be written; undefined where it can. What was not there is not there afterwards. */
export function cannotWrite(path: string): string | undefined {
  const was = existsSync(path);
  try {
    closeSync(openSync(path, "a", 0o600));
    if (!was) rmSync(path);
    return undefined;
  } catch (error) {
    return stateOf(error);
  }
}
