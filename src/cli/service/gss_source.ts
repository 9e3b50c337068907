import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { NetError } from "../../net/error.ts";
import type { GssAcceptor } from "../../net/gss/gss.ts";
import { acceptorBy } from "../../net/gss/gss_acceptor.ts";
import { gssLoader } from "../../net/open.ts";
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

/** Why nobody could be let in; undefined where they can, and where there is no keytab. */
export async function cannotAccept(config: GssConfig): Promise<string | undefined> {
  const acceptor = acceptorOf(config, await gssLoader());
  try {
    checkAcceptor(acceptor);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
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
    return (error as { code?: string }).code ?? String(error);
  }
}
