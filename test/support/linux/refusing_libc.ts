import type { Libc } from "../../../src/net/kernel/libc/libc.ts";

type Call = (...args: unknown[]) => number;

/** libc that refuses the call `name`, with `errno`, where `refuses` says so of its parameters. */
export function refusingLibc(
  libc: Libc,
  name: keyof Libc,
  errno: number,
  refuses: (...args: readonly unknown[]) => boolean = () => true,
): Libc {
  let refused = false;
  const calls = Object.entries(libc).map(([each, call]) => [each, (...args: unknown[]) => {
    if (each === "errno") return refused ? errno : libc.errno();
    refused = each === name && refuses(...args);
    return refused ? -1 : (call as Call)(...args);
  }]);
  return Object.fromEntries(calls) as Libc;
}
