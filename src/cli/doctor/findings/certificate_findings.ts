import { type Certificate, expiresSoon, hasExpired } from "../../../admin/certificates.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Checks that the certificates of the configuration are valid and do not expire soon. */
export function checkCertificates({ now }: HostView, certificates: readonly Certificate[]): readonly Finding[] {
  const { ok, note, problem } = findings("TLS");
  return certificates.map((one) => {
    const at = new Date(one.until).toISOString(), change = "renew the certificate, then reload";
    if (hasExpired(one, now)) return problem(`--${one.option} expired at ${at}`, change);
    return expiresSoon(one, now)
      ? note(`--${one.option} expires at ${at}`, change)
      : ok(`--${one.option} holds until ${at}`);
  });
}
