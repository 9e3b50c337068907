import { NetError } from "../../../net/error.ts";
import type { ChildCalls } from "../../../net/kernel/libc/child_calls.ts";
import type { Libc } from "../../../net/kernel/libc/libc.ts";
import { openNotificationCalls } from "../../../net/kernel/libc/notification_calls.ts";
import type { OpenLibrary } from "../../../net/kernel/libc/library.ts";
import { type OwnNetworkStart, startInOwnNetwork } from "../../../net/linux/child/own_network.ts";
import { startNotifying } from "../../../net/linux/seccomp/notified_start.ts";
import { NotifiedTraffic } from "../../../net/linux/seccomp/notified_traffic.ts";
import type { Mode } from "./mode.ts";
import { trafficOf } from "./namespace_way.ts";
import type { TakeTraffic } from "./traffic.ts";

/** A program that waits to begin. */
export interface StartedProgram {
  readonly pid: number;
  readonly takeTraffic: TakeTraffic;
  /** How it runs, and why the way tried before failed. */
  readonly way: string;
  /** True if it has its own network; otherwise it listens on this host itself, and sees no replaced files (NameCovers). */
  readonly hasOwnNetwork: boolean;
  begin(): void;
}

/** What starting a program needs. */
export interface Making {
  readonly libc: Libc;
  readonly calls: ChildCalls;
  readonly open: OpenLibrary;
}

/** Throws NetError if this host allows no way that `mode` includes. */
export function startProgram(making: Making, mode: Mode, program: OwnNetworkStart): StartedProgram {
  if (mode === "namespace") return inOwnNetwork(making, program);
  if (mode === "seccomp") return notifying(making, program);
  let first: NetError;
  try {
    return inOwnNetwork(making, program);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    first = error;
  }
  try {
    const started = notifying(making, program);
    return { ...started, way: `${started.way}; ${first.message}` };
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new NetError(first.kind, `${first.message}. ${error.message}`, { cause: first });
  }
}

function inOwnNetwork({ libc, calls }: Making, program: OwnNetworkStart): StartedProgram {
  const { pid, sockets, begin } = startInOwnNetwork(libc, calls, program);
  return { pid, begin, takeTraffic: trafficOf(sockets), way: "runs in a network of its own", hasOwnNetwork: true };
}

function notifying({ libc, calls, open }: Making, program: OwnNetworkStart): StartedProgram {
  const notifying = openNotificationCalls(open);
  if (!notifying) {
    throw new NetError("other", "Cannot hear the system calls of a program: this libc has no way to its memory");
  }
  const started = startNotifying(libc, calls, notifying, program);
  return {
    ...started,
    hasOwnNetwork: false,
    way: `runs with its system calls of the network answered${started.making ? ", and its sockets made here" : ""}`,
    takeTraffic: (engine, { datagram, ...takers }) =>
      new NotifiedTraffic(engine, started, { ...takers, calls, notifying, take: datagram }),
  };
}
