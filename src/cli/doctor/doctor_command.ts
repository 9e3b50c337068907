import type { RawOptions } from "../../config/source.ts";
import { loadConfigHere } from "../files/standard_config.ts";
import { examineNamedFiles } from "../files/named_files.ts";
import { filesWithSecrets } from "../files/secret_files.ts";
import { print } from "../print.ts";
import { diagnose } from "./diagnose.ts";
import type { Finding } from "./findings/finding.ts";
import { thisHost } from "./host.ts";

/** The options of `gate46 doctor` alone. */
export interface DoctorFlags {
  readonly json?: boolean;
  readonly online?: boolean;
}

/**
 * `gate46 doctor`: prints what this host can do, and what to change. Resolves with 1 if the configuration would not work
 * here; rejects with ConfigError if the configuration is invalid.
 */
export async function doctor(options: RawOptions, { json = false, online = false }: DoctorFlags): Promise<number> {
  const loaded = await loadConfigHere(options);
  const { config } = loaded;
  const { tls: { certificates }, keys } = await examineNamedFiles(loaded);
  const host = await thisHost(config);
  try {
    const found = await diagnose(host, { config, secretFiles: filesWithSecrets(loaded), certificates, keys, online });
    const good = found.every(({ level }) => level !== "problem");
    await print(json ? `${JSON.stringify({ ok: good, findings: found })}\n` : found.map(lines).join(""));
    return good ? 0 : 1;
  } finally {
    host.close();
  }
}

function lines({ level, about, says, change }: Finding): string {
  const line = `${level.padEnd(7)}  ${about.padEnd(11)}  ${says}\n`;
  return change === undefined ? line : `${line}${" ".repeat(22)}change: ${change}\n`;
}
