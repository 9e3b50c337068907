import { readdirSync, statSync } from "node:fs";

/** How many descriptors this process has open (proc_pid_fd(5)); undefined where nobody says. */
export function openDescriptors(): number | undefined {
  try {
    const { size } = statSync("/proc/self/fd"); // since Linux 6.2; to list 20,000 takes a tenth of a second
    return size > 0 ? size : readdirSync("/proc/self/fd").length - 1; // without that of the listing itself
  } catch (error) {
    return (error as { code?: string }).code === "EMFILE" ? Infinity : undefined; // none is left to count them by
  }
}
