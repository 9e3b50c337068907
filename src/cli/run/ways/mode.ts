/** How a program comes to a gateway: by a network of its own, by its system calls, or by the first of them that this host allows. */
export const modes = ["auto", "namespace", "seccomp"] as const;
export type Mode = typeof modes[number];
