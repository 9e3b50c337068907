import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { NetError } from "../../error.ts";
import {
  F_DUPFD_CLOEXEC,
  F_SETFL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  O_CLOEXEC,
  O_NONBLOCK,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../../kernel/libc/abi.ts";
import type { ChildCalls } from "../../kernel/libc/child_calls.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { AF_INET, AF_INET6, AF_UNIX, encodeSockaddr } from "../../kernel/libc/sockaddr.ts";
import { systemCalls as calls } from "../../kernel/libc/system_calls.ts";
import { closeLate } from "./late_close.ts";
import { setOption } from "../../kernel/sockets/socket_option.ts";
import { keepUrgent } from "../../kernel/sockets/tcp_options.ts";
import { AF_NETLINK, NETLINK_NETFILTER, NETLINK_ROUTE } from "../netlink/netlink.ts";
import { BACKLOG } from "../tcp_listener.ts";
import { CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, cString, startChild, type Step } from "./child.ts";
import { passingMessage, receiveDescriptors } from "./fd_passing.ts";
import { mayMakeNetworks, whyNoNamespaces } from "./namespace_rights.ts";
import { stateOf } from "../../error_words.ts";
import { execution, keepInherited, OURS_FROM, type ProgramStart } from "./program_steps.ts";

/** The start of a program with a network of its own. */
export interface OwnNetworkStart extends ProgramStart {
  /** Files that replace others by its own mounts. */
  readonly covers: readonly { readonly file: string; readonly place: string }[];
}

/** Sockets in the program's network, owned by this process. */
export interface NetworkSockets {
  readonly route: number;
  readonly netfilter: number;
  /** Receive its connections and datagrams for any address, at `TRANSPARENT_PORT`. */
  readonly tcp4: number;
  readonly tcp6: number;
  readonly udp4: number;
  readonly udp6: number;
  readonly raw4: number;
  readonly raw6: number;
  readonly packet: number;
}

/** A program that waits to begin. */
export interface WaitingProgram {
  readonly pid: number;
  readonly sockets: NetworkSockets;
  begin(): void;
}

/** The port of the listeners, unlikely to be used by a program. */
export const TRANSPARENT_PORT = 1;

const SOCK_RAW = 3, IPPROTO_RAW = 255, AF_PACKET = 17, SOCK_SEQPACKET = 5;
/** ETH_P_ALL, in the order of the network. */
const ALL_PROTOCOLS = 0x0300;

const wanted: readonly (readonly [keyof NetworkSockets, domain: number, type: number, protocol: number])[] = [
  ["route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE],
  ["netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER],
  ["tcp4", AF_INET, SOCK_STREAM, 0],
  ["tcp6", AF_INET6, SOCK_STREAM, 0],
  ["udp4", AF_INET, SOCK_DGRAM, 0],
  ["udp6", AF_INET6, SOCK_DGRAM, 0],
  ["raw4", AF_INET, SOCK_RAW, IPPROTO_RAW],
  ["raw6", AF_INET6, SOCK_RAW, IPPROTO_RAW],
  ["packet", AF_PACKET, SOCK_DGRAM, ALL_PROTOCOLS],
];

const MS_BIND = 0x1000, MS_REC = 0x4000, MS_SLAVE = 0x80000;

/**
 * Starts a program in a network of its own, without new capabilities; without CAP_SYS_ADMIN also in a user
 * namespace with the same user. It waits to begin. Throws NetError if this host refuses.
 */
export function startInOwnNetwork(libc: Libc, child: ChildCalls, program: OwnNetworkStart): WaitingProgram {
  const passing = pairOf((ends) => libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), libc);
  const gate = pairOf((ends) => libc.pipe2(ends, O_CLOEXEC), libc);
  const high = (fd: number) => {
    const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, OURS_FROM);
    libc.close(fd);
    if (copy < 0) throw errnoError(libc.errno(), "start", "a program");
    return copy;
  };
  const theirs = high(passing[1]), wait = high(gate[0]);
  const octet = new Uint8Array(1);
  const message = passingMessage(libc, wanted.map((_, i) => 3 + i));
  const steps: Step[] = [
    [calls.read, wait, octet, 1],
    ...keepInherited(program.inherited),
    ...wanted.map(([, domain, type, protocol]): Step => [calls.socket, domain, type, protocol]),
    [calls.sendmsg, theirs, message.header, 0],
    [calls.close_range, theirs, theirs, 0], // where one could not be made none is sent
    [calls.read, wait, octet, 1],
    ...mounts(program.covers),
    ...execution(libc, program),
  ];
  const ownUsers = !mayMakeNetworks(readIfThere("/proc/self/status") ?? "");
  const flags = CLONE_NEWNET | (ownUsers ? CLONE_NEWUSER : 0) | (program.covers.length > 0 ? CLONE_NEWNS : 0);
  let pid;
  try {
    pid = startChild(libc, child, flags, steps);
  } catch (error) {
    throw refused(error as NetError);
  }
  const go = () => void libc.write(gate[1], octet, 1);
  try {
    if (ownUsers) mapUser(pid);
    libc.close(theirs);
    go();
    const got = receiveDescriptors(libc, passing[0]);
    libc.close(passing[0]);
    if (got.length !== wanted.length) {
      throw refused(new NetError("permission-denied", "this host gives it no capabilities in one"));
    }
    const sockets = Object.fromEntries(wanted.map(([name], i) => [name, got[i]!])) as unknown as NetworkSockets;
    listen(libc, sockets);
    closeLate(libc, child, sockets.packet);
    void message;
    return { pid, sockets, begin: go };
  } catch (error) {
    const SIGKILL = 9;
    child.kill(pid, SIGKILL);
    child.waitpid(pid, new Int32Array(1), 0);
    throw error;
  }
}

/** The error with this host's reason, if known. */
function refused(error: NetError): NetError {
  const why = whyNoNamespaces(readIfThere);
  const front = "Cannot have a network for a program";
  if (why) return new NetError(error.kind, `${front}: ${why.state}; ${why.change}`, { cause: error });
  return new NetError(error.kind, `${front}: ${error.message}; gate46 doctor looks why`, { cause: error });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/** Maps the same user and group (user_namespaces(7)). */
function mapUser(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/setgroups`, "deny");
    writeFileSync(`/proc/${pid}/uid_map`, `${process.geteuid!()} ${process.geteuid!()} 1`);
    writeFileSync(`/proc/${pid}/gid_map`, `${process.getegid!()} ${process.getegid!()} 1`);
  } catch (error) {
    throw new NetError("permission-denied", `Cannot have users for a program: ${stateOf(error)}`, { cause: error });
  }
}

function mounts(covers: OwnNetworkStart["covers"]): Step[] {
  if (covers.length === 0) return [];
  return [
    [calls.mount, 0, cString("/"), 0, MS_REC | MS_SLAVE, 0],
    ...covers.map(({ file, place }): Step => [calls.mount, cString(file), cString(place), 0, MS_BIND, 0]),
  ];
}

/** IP_TRANSPARENT and what depends on it; the owner of the program's user namespace has the right, from any namespace. Throws NetError. */
function listen(libc: Libc, { tcp4, tcp6, udp4, udp6 }: NetworkSockets): void {
  const IP_TRANSPARENT = 19, IPV6_TRANSPARENT = 75, IP_RECVORIGDSTADDR = 20, IPV6_RECVORIGDSTADDR = 74;
  const UDP_BUFFER = 4 << 20;
  const set = (fd: number, level: number, name: number, value = 1) => {
    if (!setOption(libc, fd, level, name, value)) {
      throw errnoError(libc.errno(), "take", "all connections of a program");
    }
  };
  for (
    const [fd, six, stream] of [[tcp4, false, true], [tcp6, true, true], [udp4, false, false], [
      udp6,
      true,
      false,
    ]] as const
  ) {
    if (six) set(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (six) set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT);
    else set(fd, IPPROTO_IP, IP_TRANSPARENT);
    if (stream) {
      set(fd, IPPROTO_TCP, TCP_NODELAY);
      keepUrgent(libc, fd);
    } else {
      if (six) set(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR);
      else set(fd, IPPROTO_IP, IP_RECVORIGDSTADDR);
      setOption(libc, fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER);
    }
    const name = encodeSockaddr({ host: six ? "::" : "0.0.0.0", port: TRANSPARENT_PORT });
    if (libc.bind(fd, name, name.length) < 0 || (stream && libc.listen(fd, BACKLOG) < 0)) {
      throw errnoError(libc.errno(), "listen", "in the network of a program");
    }
    libc.fcntl(fd, F_SETFL, O_NONBLOCK);
  }
}

function pairOf(make: (ends: Int32Array<ArrayBuffer>) => number, libc: Libc): readonly [number, number] {
  const ends = new Int32Array(2);
  if (make(ends) < 0) throw errnoError(libc.errno(), "start", "a program");
  return [ends[0]!, ends[1]!];
}
