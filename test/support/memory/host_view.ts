import type { HostView } from "../../../src/cli/doctor/host_view.ts";

/** What files of a host hold where nothing is wrong. */
export const wellFiles: Readonly<Record<string, string>> = {
  "/proc/sys/kernel/osrelease": "6.1.0\n",
  "/proc/sys/net/core/somaxconn": "4096\n",
  "/proc/sys/net/core/rmem_max": "4194304\n",
  "/proc/sys/net/core/wmem_max": "4194304\n",
  "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
  "/proc/sys/net/ipv4/tcp_fin_timeout": "60\n",
  "/proc/self/limits": "Max open files            1048576              1048576              files\n",
  "/proc/self/status": "Name:\tgate46\nCapEff:\t0000000000000000\n",
  "/proc/self/cgroup": "0::/system.slice/gate46.service\n",
  "/proc/meminfo": "MemTotal:        8000000 kB\n",
  "/etc/resolv.conf": "nameserver 192.0.2.53\n",
};

export interface HostChanges extends Partial<HostView> {
  /** Files that are otherwise; undefined for one that is not there. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  /** The address that leaves by each family. */
  readonly from?: { readonly ipv4?: string; readonly ipv6?: string };
}

/** A host where all is well, with what a test wants to be otherwise. */
export function hostView({ files, from, ...changes }: HostChanges = {}): HostView {
  const all: Readonly<Record<string, string | undefined>> = { ...wellFiles, ...files };
  const ways = from ?? { ipv4: "192.0.2.1", ipv6: "2001:db8::1" };
  return {
    platform: "linux",
    runtime: "bun 1.4.5",
    now: Date.UTC(2027, 0, 1),
    root: false,
    addrs: ["127.0.0.1", "::1", "192.0.2.1", "2001:db8::1", "fe80::1"],
    kernel: {
      epoll: true,
      accept4: true,
      splice: true,
      recvmmsg: true,
      sendmmsg: true,
      segmentation: true,
      aggregation: true,
      sharedPorts: true,
      steering: true,
    },
    libssl: "libssl.so.3 (OpenSSL 3.0.17 1 Jul 2025)",
    read: (path) => all[path],
    exists: (path) => path === "/sys/class/net/eth0",
    mode: () => 0o100600,
    cannotAccept: () => undefined,
    cannotWrite: () => undefined,
    wayTo: (host) => Promise.resolve(host.includes(":") ? ways.ipv6 : ways.ipv4),
    resolve: () => Promise.resolve({ ms: 3, hosts: ["192.0.0.170", "192.0.0.171"] }),
    servers: [],
    cannotListen: () => Promise.resolve(undefined),
    holder: () => undefined,
    cannotConnect: () => Promise.reject(new Error("nobody asked for that")),
    ...changes,
  };
}
