/** How a program's traffic reaches a gateway: its own network, its system calls, or the first that this host allows. */
export const modes = ["auto", "namespace", "seccomp"] as const;
export type Mode = typeof modes[number];
