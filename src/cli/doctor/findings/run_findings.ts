import { whyNoNamespaces } from "../../../net/linux/child/namespace_rights.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Whether `gate46 run` can give programs a network of their own. */
export function checkRun({ platform, read }: HostView): readonly Finding[] {
  if (platform !== "linux") return [];
  const { ok, note } = findings("run");
  const why = whyNoNamespaces(read);
  return [why ? note(`gate46 run may be refused: ${why.state}`, why.change) : ok("gate46 run can start programs")];
}
