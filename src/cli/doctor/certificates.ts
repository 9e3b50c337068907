import type { Config } from "../../config/config.ts";
import { ownCertificates, wrongDates } from "../files/certificate_dates.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "./host_view.ts";

/** Whether others take our certificates, for a while yet. */
export function checkCertificates({ read, now }: HostView, config: Config): readonly Finding[] {
  const { ok, note, problem } = findings("certificates");
  return ownCertificates(config).map((file) => {
    const wrong = wrongDates(read(file) ?? "", now);
    if (!wrong) return ok(`${file} is valid for a while`);
    return (wrong.taken ? note : problem)(`${file}: ${wrong.says}`, "a new one there, and kill -HUP");
  });
}
