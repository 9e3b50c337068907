import { ConfigError } from "../../config/config_error.ts";
import { readText } from "./text_file.ts";

/** The token in that file; undefined without a file. Rejects with ConfigError. */
export async function readAdminToken(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const token = (await readText(file)).trim();
  if (!/^[A-Za-z0-9._~+/-]{16,}=*$/.test(token)) {
    throw new ConfigError(
      `Cannot use ${file}: no token of 16 letters and digits or more (openssl rand -hex 32 makes one)`,
    );
  }
  return token;
}
