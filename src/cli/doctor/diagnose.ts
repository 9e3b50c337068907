import type { Config } from "../../config/config.ts";
import type { KeytabKey } from "../files/keytab.ts";
import { remarks } from "../../config/remarks.ts";
import type { Certificate } from "../../admin/certificates.ts";
import { checkCertificates } from "./findings/certificate_findings.ts";
import { checkClock } from "./findings/clock_findings.ts";
import { checkEngine, checkTls } from "./findings/engine_findings.ts";
import { checkFamilies } from "./findings/families.ts";
import { checkGss } from "./findings/gss_findings.ts";
import { type Finding, findings } from "./findings/finding.ts";
import type { HostView } from "./host_view.ts";
import { checkKernel } from "./findings/kernel.ts";
import { checkLimits } from "./findings/limit_findings.ts";
import { checkListeners } from "./findings/listeners.ts";
import { checkNames } from "./findings/name_findings.ts";
import { checkRights } from "./findings/rights.ts";
import { checkRun } from "./findings/run_findings.ts";

export interface Question {
  readonly config: Config;
  /** The files with its passwords, keys and tokens. */
  readonly secretFiles: readonly string[];
  /** The certificates in the files that it names. */
  readonly certificates: readonly Certificate[];
  /** The keys of the keytab, if there is one. */
  readonly keys?: readonly KeytabKey[] | undefined;
  /** True if the doctor may connect to hosts on the Internet. */
  readonly online: boolean;
}

/** Finds out what this host can do with that configuration, and what to change. */
export async function diagnose(
  host: HostView,
  { config, secretFiles, certificates, keys, online }: Question,
): Promise<readonly Finding[]> {
  return [
    ...await checkFamilies(host, config, online),
    ...await checkNames(host, config),
    ...checkEngine(host, config),
    ...await checkListeners(host, config),
    ...checkLimits(host, config),
    ...checkKernel(host, config),
    ...checkRights(host, config, secretFiles),
    ...checkTls(host, config),
    ...checkRun(host),
    ...checkCertificates(host, certificates),
    ...checkGss(host, config, keys),
    ...checkClock(host),
    ...remarks(config).map((says) => findings("sense").note(says)),
  ];
}
