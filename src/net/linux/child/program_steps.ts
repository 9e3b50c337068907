import type { Libc } from "../../kernel/libc/libc.ts";
import { systemCalls as calls } from "../../kernel/libc/system_calls.ts";
import { cString, cStrings, type Step } from "./child.ts";

/** The start of a program. */
export interface ProgramStart {
  /** Its file. */
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Inherited descriptors above 2. */
  readonly inherited: readonly number[];
  /** RLIMIT_NOFILE; undefined for this process's own. */
  readonly descriptors?: { readonly soft: bigint; readonly hard: bigint } | undefined;
}

/** Descriptors from here on are kept for what the program inherits, while its first numbers are used otherwise; then for ours. */
const KEPT_FROM = 700;
export const OURS_FROM = 950;

const RLIMIT_NOFILE = 7, SIGPIPE = 13, SIGXFSZ = 25, NOT_EXECUTED = 126;
/** Signals that runtimes ignore and that a program must start with as they were. */
const restored = [SIGPIPE, SIGXFSZ];

/** Leaves the first descriptor numbers free. */
export const closeFirst: Step = [calls.close_range, 3, KEPT_FROM - 1, 0];

/** Keeps inherited descriptors, and closes all others. */
export function keepInherited(inherited: readonly number[]): readonly Step[] {
  return [...inherited.map((fd, i): Step => [calls.dup3, fd, KEPT_FROM + i, 0]), closeFirst];
}

/** Executes the program, with the kept descriptors. */
export function execution(libc: Libc, program: ProgramStart): readonly Step[] {
  const { inherited } = program, { soft, hard } = program.descriptors ?? {};
  const environment = Object.entries(program.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`]
  );
  return [
    closeFirst,
    ...inherited.map((fd, i): Step => [calls.dup3, KEPT_FROM + i, fd, 0]),
    ...inherited.length > 0 ? [[calls.close_range, KEPT_FROM, KEPT_FROM + inherited.length - 1, 0] as Step] : [],
    ...restored.map((signal): Step => [calls.rt_sigaction, signal, new Uint8Array(64), 0, 8]),
    ...soft === undefined ? [] : [[calls.prlimit64, 0, RLIMIT_NOFILE, BigUint64Array.of(soft, hard!), 0] as Step],
    [calls.execve, cString(program.path), cStrings(libc, program.args), cStrings(libc, environment)],
    [calls.exit_group, NOT_EXECUTED],
  ];
}
