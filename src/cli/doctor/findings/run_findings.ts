import { whyNoNamespaces } from "../../../net/linux/child/namespace_rights.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Checks which modes of `gate46 run` work here. */
export function checkRun({ platform, read }: HostView): readonly Finding[] {
  if (platform !== "linux") return [];
  const { ok, note } = findings("run");
  const why = whyNoNamespaces(read);
  if (!why) return [ok("gate46 run can start programs, each in a network of its own")];
  const notifies = / user_notif /.test(` ${read("/proc/sys/kernel/seccomp/actions_avail")?.trim()} `);
  return [
    notifies
      ? note(`gate46 run answers the system calls of programs (--mode seccomp): ${why.state}`, why.change)
      : note(`gate46 run may be refused: ${why.state}`, why.change),
  ];
}
