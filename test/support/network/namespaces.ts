import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { afterwards } from "../program/afterwards.ts";
import { kill } from "../program/kill.ts";

/**
 * Hosts in network namespaces around one dual-stack gateway: a client and a server that have IPv4 only, and a client and a
 * server that have IPv6 only, the server behind a link with an MTU of 1280.
 */
export interface Network {
  /** `ip netns exec NAME` of each host. */
  in(host: Host): readonly string[];
  /** The name of a host's namespace. */
  name(host: Host): string;
  remove(): void;
}

const hosts = ["gw", "c4", "c6", "s4", "s6"] as const;
export type Host = (typeof hosts)[number];

/** Addresses of the hosts, and of the gateway on each host's side. */
export const address = {
  c4: "10.46.1.2",
  gwC4: "10.46.1.1",
  c6: "fd46:2::2",
  gwC6: "fd46:2::1",
  s4: "10.46.3.2",
  gwS4: "10.46.3.1",
  s6: "fd46:4::2",
  gwS6: "fd46:4::1",
  /** Nobody has it: neighbour discovery fails. */
  absent: "10.46.3.99",
  /** A route says so. */
  unreachable: "10.46.9.9",
  /** No route at all. */
  unrouted: "10.99.9.9",
  /** A neighbour that swallows everything. */
  silent: "10.46.3.77",
  silent6: "fd46:4::99",
} as const;

/** Why there can be no such network here, or false. */
export function whyNot(): string | false {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "network namespaces need root on Linux";
  const probe = spawnSync("ip", ["netns", "add", `g46-${process.pid}-probe`]);
  if (probe.status !== 0) return `ip netns add: ${probe.stderr ?? "ip is missing"}`.trim();
  ip("netns", "del", `g46-${process.pid}-probe`);
  return false;
}

/** Of networks, so that two in one process have names of their own. */
let count = 0;

export function buildNetwork(): Network {
  const tag = `g46-${process.pid}-${++count}`;
  const name = (host: Host) => `${tag}-${host}`;
  const folder = `/etc/netns/${name("gw")}`;
  const network: Network = {
    name,
    in: (host) => ["ip", "netns", "exec", name(host)],
    remove() {
      for (const host of hosts) {
        spawnSync("ip", ["netns", "pids", name(host)]).stdout?.toString().split("\n").filter(Boolean)
          .forEach((pid) => kill(Number(pid), "SIGKILL"));
        spawnSync("ip", ["netns", "del", name(host)]);
      }
      for (const host of hosts) rmSync(`/etc/netns/${name(host)}`, { recursive: true, force: true });
      forget();
    },
  };
  const forget = afterwards(network.remove); // where no hook of a test comes to it
  try {
    build(name, folder);
  } catch (error) {
    network.remove();
    throw error;
  }
  return network;
}

function build(name: (host: Host) => string, folder: string): void {
  const within = (host: Host, ...args: string[]) => ip("-n", name(host), ...args);
  for (const host of hosts) ip("netns", "add", name(host));
  for (const host of hosts) {
    within(host, "link", "set", "lo", "up");
    if (host === "gw") continue;
    const six = host.endsWith("6");
    const device = `${host}-${process.pid}`.slice(0, 15);
    ip("link", "add", device, "netns", name("gw"), "type", "veth", "peer", "name", "eth0", "netns", name(host));
    const [here, there] = six
      ? [`fd46:${host[0] === "c" ? 2 : 4}::1/64`, `${address[host]}/64`]
      : [`10.46.${host[0] === "c" ? 1 : 3}.1/24`, `${address[host]}/24`];
    within("gw", "addr", "add", here, "dev", device, ...(six ? ["nodad"] : []));
    within(host, "addr", "add", there, "dev", "eth0", ...(six ? ["nodad"] : []));
    if (host === "s6") {
      within("gw", "link", "set", device, "mtu", "1280");
      within("s6", "link", "set", "eth0", "mtu", "1280");
    }
    within("gw", "link", "set", device, "up");
    within(host, "link", "set", "eth0", "up");
    if (host === "s6") within("gw", "neigh", "add", address.silent6, "lladdr", "02:46:46:46:46:46", "dev", device);
    if (host === "s4") within("gw", "neigh", "add", address.silent, "lladdr", "02:46:46:46:46:46", "dev", device);
  }
  within("gw", "route", "add", "unreachable", "10.46.9.0/24");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    `${folder}/hosts`,
    `127.0.0.1 localhost\n${address.s4} v4.test dual.test\n${address.s6} v6.test\n${address.silent6} dual.test\n`,
  );
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args);
  if (status !== 0) throw new Error(`Cannot ip ${args.join(" ")}: ${stderr}`);
}
