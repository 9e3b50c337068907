import { libraryNames } from "./libc.ts";
import type { OpenLibrary } from "./library.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The libc calls that make and manage a child; musl has no makecontext(3). All return what the C function returns. */
export interface ChildCalls {
  dlsym(library: number, name: Bytes): number;
  clone(start: number, stack: number, flags: number, argument: number, a: number, b: number, c: number): number;
  getcontext(context: Bytes): number;
  makecontext(context: Bytes, start: number, count: number, ...values: number[]): void;
  waitpid(pid: number, status: Int32Array<ArrayBuffer>, options: number): number;
  kill(pid: number, signal: number): number;
  /** `handler` is 0 for SIG_DFL. */
  signal(signal: number, handler: number): unknown;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  syscall(number: number, a: number, b: number, c: number, d: number, e: number): number;
  getrlimit(resource: number, limits: BigUint64Array<ArrayBuffer>): number;
}

const childSignatures = {
  dlsym: "lp:l",
  clone: "llillll:i",
  getcontext: "p:i",
  makecontext: "plillllll:v",
  waitpid: "ipi:i",
  kill: "ii:i",
  signal: "il:l",
  prctl: "illll:i",
  syscall: "llllll:l",
  getrlimit: "ip:i",
} as const;

/** The calls that make children; undefined if libc lacks them. A long fits a number. */
export function openChildCalls(open: OpenLibrary): ChildCalls | undefined {
  const library = open(libraryNames, childSignatures);
  if (!library) return undefined;
  const { dlsym, syscall, ...rest } = library.functions;
  const asNumber = (call: (...args: unknown[]) => unknown) => (...args: unknown[]) => Number(call(...args));
  return { ...rest, dlsym: asNumber(dlsym!), syscall: asNumber(syscall!) } as unknown as ChildCalls;
}
