/** The commands of `gate46 explain`; the command line needs them before `explain` is loaded. */
export const explainedNames = [
  ...["connect", "bind", "udp-associate", "resolve", "resolve-ptr", "forward"] as const,
  ...["sni", "host"] as const, // for listeners by name
] as const;
