import process from "node:process";
import type { Instruction } from "../../../kernel/sockets/filter_program.ts";
import { systemCalls as calls } from "../../../kernel/libc/system_calls.ts";
import { AF_INET, AF_INET6 } from "../../../kernel/libc/sockaddr.ts";
import { SO_ERROR, SOL_SOCKET } from "../../../kernel/libc/abi.ts";

/** Classic BPF (linux/bpf_common.h) over struct seccomp_data: number, architecture, instruction pointer, six arguments. */
const LOAD = 0x20, IS = 0x15, IS_AT_LEAST = 0x35, RETURN = 0x06;
const NUMBER_AT = 0, ARCHITECTURE_AT = 4, ARGUMENTS_AT = 16;

const ALLOW = 0x7fff_0000, NOTIFY = 0x7fc0_0000, ERRNO = 0x0005_0000;
const ENOSYS = 38, EPROTONOSUPPORT = 93, IPPROTO_MPTCP = 262;

const allow: Instruction = [RETURN, 0, 0, ALLOW], notify: Instruction = [RETURN, 0, 0, NOTIFY];
const refuse = (errno: number): Instruction => [RETURN, 0, 0, ERRNO | errno];
const argument = (i: number, high = false): Instruction => [LOAD, 0, 0, ARGUMENTS_AT + 8 * i + (high ? 4 : 0)];

/** Instructions for one system call; other calls skip them. */
const on = (number: number, ...what: readonly Instruction[]): Instruction[] => [[IS, 0, what.length, number], ...what];

/** Told of where argument `i`, an address, is not null. */
const ifGiven = (i: number): Instruction[] => [
  argument(i),
  [IS, 0, 2, 0],
  argument(i, true),
  [IS, 1, 0, 0],
  notify,
  allow,
];

const isThis = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
/** What its 32-bit programs call: socketcall, connect, sendmmsg, sendto, sendmsg, io_uring_setup (asm/unistd_32.h). */
const of32 = { x64: [102, 362, 345, 369, 370, 425], arm64: [283, 290, 296, 374, 425] };
/** Numbers of x64 from here on are of x32. */
const X32 = 0x4000_0000;

/** `making`: the listener makes the sockets, and is notified of calls on them too. */
export interface Filtering {
  readonly making: boolean;
}

/**
 * The filter that decides which system calls of a program wait for the listener's answer; all others run at once. Calls that would
 * bypass it are refused: io_uring, sockets of 32-bit programs, and MPTCP (programs fall back to TCP).
 */
export function callFilter({ making }: Filtering): readonly Instruction[] {
  const arm = process.arch === "arm64";
  const foreign = (arm ? of32.arm64 : of32.x64).flatMap((number) => on(number, refuse(ENOSYS)));
  return [
    [LOAD, 0, 0, ARCHITECTURE_AT],
    [IS, foreign.length + 2, 0, arm ? isThis.arm64 : isThis.x64],
    [LOAD, 0, 0, NUMBER_AT],
    ...foreign,
    allow,
    [LOAD, 0, 0, NUMBER_AT],
    ...arm ? [] : [[IS_AT_LEAST, 0, 1, X32] as const, refuse(ENOSYS)],
    ...on(calls.io_uring_setup, refuse(ENOSYS)),
    ...on(calls.recvfrom, ...ifGiven(4)),
    ...on(calls.sendto, ...ifGiven(4)),
    ...[calls.connect, calls.sendmsg, calls.sendmmsg, calls.recvmsg, calls.recvmmsg, calls.getpeername]
      .flatMap((number) => on(number, notify)),
    ...on(
      calls.getsockopt,
      argument(1),
      [IS, 0, 3, SOL_SOCKET],
      argument(2),
      [IS, 0, 1, SO_ERROR],
      notify,
      allow,
    ),
    ...on(
      calls.socket,
      argument(2),
      [IS, 0, 1, IPPROTO_MPTCP],
      refuse(EPROTONOSUPPORT),
      argument(0),
      [IS, 1, 0, AF_INET],
      [IS, 0, 1, AF_INET6],
      making ? notify : allow,
      allow,
    ),
    ...making ? [calls.bind, calls.listen].flatMap((number) => on(number, notify)) : [],
    allow,
  ];
}
