import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { NetError } from "../../net/error.ts";
import type { GssAcceptor } from "../../net/gss/gss.ts";
import { acceptorBy } from "../../net/gss/gss_acceptor.ts";
import type { GssCalls } from "../../net/gss/gss_calls.ts";
import { stateOf } from "../../net/error_words.ts";

/** Accepts clients by GSSAPI; undefined without a keytab. `open` opens the library when the first client comes. */
export function acceptorOf(config: GssConfig, open: () => GssCalls): GssAcceptor | undefined {
  const { gssapiKeytab: keytab, gssapiService: service, gssapiReplayCache: replayCache } = config;
  if (keytab === undefined) return undefined;
  return acceptorBy(open, { keytab, service, replayCache, locally: config.gateway.gssapiUser === "local" });
}

/** Throws ConfigError if no client could be accepted, or the replay cache cannot be written. */
export function checkAcceptor(config: GssConfig, open: () => GssCalls): void {
  const refused = cannotAccept(config, open);
  if (refused !== undefined) throw new ConfigError(refused);
  const { gssapiKeytab, gssapiReplayCache: cache } = config;
  const unwritable = gssapiKeytab === undefined || cache === undefined ? undefined : cannotWrite(cache);
  if (unwritable !== undefined) throw new ConfigError(`Cannot use --gssapi-replay-cache ${cache}: ${unwritable}`);
}

export type GssConfig = Pick<Config, "gssapiKeytab" | "gssapiService" | "gssapiReplayCache" | "gateway">;

/** Why no client could be accepted; undefined if clients can, or if there is no keytab. */
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

/** Why a replay cache cannot be written; undefined if it can. A file that this test creates is removed. */
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
