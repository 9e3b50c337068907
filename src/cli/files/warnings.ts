import { type Certificate, expiryWarnings } from "../../admin/certificates.ts";
import type { LoadedConfig } from "./load_config.ts";
import { exposedSecrets } from "./secret_files.ts";

/** One line for each setting that works but should be changed. */
export function warnings(loaded: LoadedConfig, certificates: readonly Certificate[]): readonly string[] {
  return [...loaded.remarks, ...exposedSecrets(loaded), ...expiryWarnings(certificates, Date.now())];
}
