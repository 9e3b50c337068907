import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { afterwards } from "../program/afterwards.ts";

/** Hosts in a row, in network namespaces of their own: a client, three gateways, a server. */
const hosts = ["c", "g1", "g2", "g3", "s"] as const;
export type ChainHost = (typeof hosts)[number];

/** Each link has one family only: 4 → 6 → 4 → 6. The first address of a link is the host's nearer to the client. */
const links = ["10.47.1", "fd47:2:", "10.47.3", "fd47:4:"] as const;

/** Of each host on its client's side. */
export const chainAddress = { g1: "10.47.1.2", g2: "fd47:2::2", g3: "10.47.3.2", s: "fd47:4::2" } as const;

/** The server's name, which the last gateway alone knows. */
export const SERVER_NAME = "server.test";

export interface ChainNetwork {
  /** `ip netns exec NAME` of each host. */
  in(host: ChainHost): readonly string[];
  /** Ends all that runs in a host, by what the kernel knows of its namespace. */
  end(host: ChainHost): void;
  remove(): void;
}

/** Needs what whyNot() of namespaces.ts looks for. */
export function buildChain(): ChainNetwork {
  const name = (host: ChainHost) => `g46c-${process.pid}-${host}`;
  const folder = `/etc/netns/${name("g3")}`;
  const network: ChainNetwork = {
    in: (host) => ["ip", "netns", "exec", name(host)],
    end(host) {
      const pids = () => spawnSync("ip", ["netns", "pids", name(host)]).stdout?.toString().split("\n").filter(Boolean);
      // Until they are gone: the next to come listens where they did.
      for (let left = pids(); left && left.length > 0; left = pids()) spawnSync("kill", ["-9", ...left]);
    },
    remove() {
      for (const host of hosts) {
        network.end(host);
        spawnSync("ip", ["netns", "del", name(host)]);
      }
      rmSync(folder, { recursive: true, force: true });
      forget();
    },
  };
  const forget = afterwards(() => network.remove()); // where no hook of a test comes to it
  try {
    for (const host of hosts) {
      ip("netns", "add", name(host));
      ip("-n", name(host), "link", "set", "lo", "up");
    }
    links.forEach((prefix, i) => connect(prefix, name(hosts[i]!), name(hosts[i + 1]!)));
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/hosts`, `127.0.0.1 localhost\n${chainAddress.s} ${SERVER_NAME}\n`);
    return network;
  } catch (error) {
    network.remove();
    throw error;
  }
}

function connect(prefix: string, near: string, far: string): void {
  ip("link", "add", "right", "netns", near, "type", "veth", "peer", "name", "left", "netns", far);
  const six = prefix.includes(":");
  const addr = (end: 1 | 2) => six ? [`${prefix}:${end}/64`, "nodad"] : [`${prefix}.${end}/24`];
  for (const [host, device, end] of [[near, "right", 1], [far, "left", 2]] as const) {
    const [address, ...flags] = addr(end);
    ip("-n", host, "addr", "add", address!, "dev", device, ...flags);
    ip("-n", host, "link", "set", device, "up");
  }
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args);
  if (status !== 0) throw new Error(`Cannot ip ${args.join(" ")}: ${stderr}`);
}
