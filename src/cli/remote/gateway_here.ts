import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { NetError } from "../../net/error.ts";
import { readAdminToken } from "../files/admin_token.ts";
import { loadConfigHere } from "../files/standard_config.ts";
import { type Answer, askAdmin } from "./admin_request.ts";

const wantsToken = "it wants the token; say --admin-token-file, as the gateway was told";

/** The program that runs with these flags, variables and file, by its admin endpoint. */
export interface GatewayHere {
  /** What it answers, whatever that is. Rejects with NetError. */
  ask(method: string, path: string, patienceMs?: number): Promise<Answer>;
  /** What an answer says where it has done what was asked; that has the field. Throws NetError. */
  checked<T>(answer: Answer, field: keyof T): T;
}

/** Rejects with ConfigError where the configuration is wrong or has no admin endpoint. */
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

/** Where a listener on `host` can be reached from here: [::] not by ::1 where IPv6 is switched off, as in many containers. */
function locally(host: string): readonly string[] {
  if (host === "::") return ["127.0.0.1", "::1"];
  return [host === "0.0.0.0" ? "127.0.0.1" : host];
}

/** `knocked`: whether a token came with the question. Throws NetError where the answer is no. */
function checked<T>(answer: Answer, field: keyof T, knocked: boolean): T {
  const { status } = answer;
  if (status === 401) {
    throw new NetError("other", `Cannot do that: ${knocked ? "--admin-token-file has another token" : wantsToken}`);
  }
  if (status < 300) return parsed<T>(answer, field);
  throw new NetError("other", parsed<{ readonly error: string }>(answer, "error").error);
}

/** What is JSON, as all answers but bearer-auth's are, with that field in it. Throws NetError for somebody else's. */
export function parsed<T>({ status, text }: Answer, field: keyof T): T {
  try {
    const said = JSON.parse(text);
    if (said[field] !== undefined) return said;
  } catch {
    // Not JSON.
  }
  throw new NetError("other", `Cannot understand the answer (status ${status}): is that gate46?`);
}
