import { endingCertificates } from "./certificate_dates.ts";
import type { LoadedConfig } from "./config_file.ts";
import { exposedSecrets } from "./secret_files.ts";

/** A line for each thing that works, and should be changed. */
export function warnings(loaded: LoadedConfig): readonly string[] {
  return [...exposedSecrets(loaded), ...endingCertificates(loaded.config)];
}
