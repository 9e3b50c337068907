import { type Certificate, expiryWarnings } from "../../admin/certificates.ts";
import type { LoadedConfig } from "./load_config.ts";
import { exposedSecrets } from "./secret_files.ts";

/** A line for each thing that is good enough, but should be otherwise. */
export function warnings(loaded: LoadedConfig, certificates: readonly Certificate[]): readonly string[] {
  return [...loaded.remarks, ...exposedSecrets(loaded), ...expiryWarnings(certificates, Date.now())];
}
