import type { ChildCalls } from "../../kernel/libc/child_calls.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";

/** clone(2): CLONE_VM, and namespaces. */
const CLONE_VM = 0x100, SIGCHLD = 17;
export const CLONE_NEWNS = 0x20000, CLONE_NEWUSER = 0x10000000, CLONE_NEWNET = 0x40000000;

/** Memory for a call's arguments. */
export type Memory = Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;

/** A system call: its number, then numbers or memory. */
export type Step = readonly [number, ...(number | Memory)[]];

/** struct ucontext_t has 968 octets on x64 and 4,560 on arm64; where its fields are is the same. */
const CONTEXT_SIZE = 8_192, STACK_SIZE = 4_096, LINK_AT = 8, STACK_AT = 16, STACK_SIZE_AT = 32;

/** The child's memory must stay in place until it has executed another program or has ended. */
const held: unknown[] = [];

/** The default library of dlsym(3). */
const ANY_LIBRARY = 0;

/**
 * Starts a child that makes `steps` in turn, whatever their results, and runs no JavaScript: fork(2) would give it neither
 * code nor heap, which runtimes mark MADV_DONTFORK. setcontext(3) is its first function, and a ucontext of each call leads
 * to the next (uc_link). Its memory is put into `keep`, by default for ever. Throws NetError.
 */
export function startChild(
  libc: Libc,
  calls: ChildCalls,
  flags: number,
  steps: readonly Step[],
  keep: unknown[] = held,
): number {
  const contexts = new Uint8Array(CONTEXT_SIZE * steps.length);
  const stacks = new Uint8Array(STACK_SIZE * (steps.length + 5));
  const base = libc.addressOf(contexts.buffer), view = new DataView(contexts.buffer);
  const stackBase = Math.ceil(libc.addressOf(stacks.buffer) / 16) * 16;
  const call = symbol(calls, "syscall");
  keep.push(contexts, stacks, steps);
  steps.forEach((step, i) => {
    const at = i * CONTEXT_SIZE, context = contexts.subarray(at, at + CONTEXT_SIZE);
    if (calls.getcontext(context) !== 0) throw errnoError(libc.errno(), "start", "a program");
    const next = i + 1 < steps.length ? base + at + CONTEXT_SIZE : 0;
    view.setBigUint64(at + LINK_AT, BigInt(next), true);
    view.setBigUint64(at + STACK_AT, BigInt(stackBase + i * STACK_SIZE), true); // its own: makecontext() writes the link there
    view.setBigUint64(at + STACK_SIZE_AT, BigInt(STACK_SIZE), true);
    const values = step.map((value) => typeof value === "number" ? value : addressOf(libc, value));
    while (values.length < 6) values.push(0);
    calls.makecontext(context, call, 6, ...values);
  });
  const stack = stackBase + (steps.length + 4) * STACK_SIZE;
  const pid = calls.clone(symbol(calls, "setcontext"), stack, flags | CLONE_VM | SIGCHLD, base, 0, 0, 0);
  if (pid < 0) throw errnoError(libc.errno(), "start", "a program");
  return pid;
}

/** The address of `memory`. */
export function addressOf(libc: Libc, memory: Memory): number {
  return libc.addressOf(memory.buffer) + memory.byteOffset;
}

/** A C string. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** char *const[] (execve(2)); its strings stay referenced. */
export function cStrings(libc: Libc, texts: readonly string[]): BigUint64Array<ArrayBuffer> {
  const strings = texts.map(cString), pointers = new BigUint64Array(texts.length + 1);
  strings.forEach((string, i) => pointers[i] = BigInt(addressOf(libc, string)));
  held.push(strings);
  return pointers;
}

function symbol(calls: ChildCalls, name: string): number {
  return calls.dlsym(ANY_LIBRARY, cString(name));
}
