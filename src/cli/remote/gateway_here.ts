import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { NetError } from "../../net/error.ts";
import { readAdminToken } from "../files/admin_token.ts";
import { loadConfigHere } from "../files/standard_config.ts";
import { type Answer, askAdmin } from "./admin_request.ts";

const wantsToken = "the token is missing; give --admin-token-file, as for the gateway";

/** The running program with these flags, variables and file, accessed by its admin endpoint. */
export interface GatewayHere {
  /** The answer of the program, with any status. Rejects with NetError. */
  ask(method: string, path: string, patienceMs?: number): Promise<Answer>;
  /** The content of a successful answer, which has the field. Throws NetError. */
  checked<T>(answer: Answer, field: keyof T): T;
}

/** Rejects with ConfigError if the configuration is invalid or has no admin endpoint. */
export async function gatewayHere(flags: RawOptions): Promise<GatewayHere> {
  const { config: { admin, adminTokenFile } } = await loadConfigHere(flags, ["config", "admin"]);
  if (!admin) throw new ConfigError("Cannot ask: --admin is off");
  const token = await readAdminToken(adminTokenFile);
  const ask = async (method: string, path: string, patienceMs?: number) => {
    let failure: unknown;
    for (const host of locally(admin.host)) {
      try {
        return await askAdmin({ ...admin, host }, method, path, { token, patienceMs });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
  return {
    ask,
    checked: <T>(answer: Answer, field: keyof T) => checked<T>(answer, field, token !== undefined),
  };
}

/** The local addresses of a listener on `host`: for [::] not only ::1, since many containers disable IPv6. */
function locally(host: string): readonly string[] {
  if (host === "::") return ["127.0.0.1", "::1"];
  return [host === "0.0.0.0" ? "127.0.0.1" : host];
}

/** `knocked`: true if a token was sent. Throws NetError if the request was refused. */
function checked<T>(answer: Answer, field: keyof T, knocked: boolean): T {
  const { status } = answer;
  if (status === 401) {
    throw new NetError("other", `Cannot do that: ${knocked ? "--admin-token-file has another token" : wantsToken}`);
  }
  if (status < 300) return parsed<T>(answer, field);
  throw new NetError("other", parsed<{ readonly error: string }>(answer, "error").error);
}

/** The JSON of an answer, with that field; only bearer-auth's answers are not JSON. Throws NetError for other servers. */
export function parsed<T>({ status, text }: Answer, field: keyof T): T {
  try {
    const said = JSON.parse(text);
    if (said[field] !== undefined) return said;
  } catch {
    // Not JSON.
  }
  throw new NetError("other", `Cannot read the answer (status ${status}): the server there may not be gate46`);
}
