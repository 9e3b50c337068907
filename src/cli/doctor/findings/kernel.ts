import type { Config } from "../../../config/config.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

interface Knob {
  readonly name: string;
  readonly least: number;
  readonly why: string;
}

/** Kernel parameters with a recommended minimum. */
const knobs: readonly Knob[] = [
  { name: "net.core.somaxconn", least: 1_024, why: "clients that come at one time are refused" },
  { name: "net.core.rmem_max", least: 1 << 20, why: "UDP datagrams of a burst are lost on the way in" },
  { name: "net.core.wmem_max", least: 1 << 20, why: "UDP datagrams of a burst are lost on the way out" },
];

/** Maximum time that a source port should be held after a connection (s); the kernel's default is 60. */
const MAX_FIN_TIMEOUT = 120;

/** Checks the kernel parameters that limit a gateway. */
export function checkKernel(host: HostView, config: Config): readonly Finding[] {
  if (host.platform !== "linux") return [];
  const { ok, note } = findings("sysctl");
  const found: Finding[] = [];
  for (const { name, least, why } of knobs) {
    const value = numberOf(host, name);
    if (value !== undefined && value < least) {
      found.push(note(`${name} is ${value}: ${why}`, `sysctl -w ${name}=${least}`));
    }
  }
  const ports = host.read(path("net.ipv4.ip_local_port_range"))?.trim().split(/\s+/).map(Number);
  if (ports?.length === 2) {
    const count = ports[1]! - ports[0]! + 1;
    // The limit is per destination address and port; sessions seldom all go to the same one.
    if (count < config.gateway.maxSessions) {
      found.push(note(
        `net.ipv4.ip_local_port_range has ${count} ports: at most so many of ${config.gateway.maxSessions} sessions can go to one destination`,
        'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
      ));
    }
  }
  const fin = numberOf(host, "net.ipv4.tcp_fin_timeout");
  if (fin !== undefined && fin > MAX_FIN_TIMEOUT) {
    found.push(
      note(`net.ipv4.tcp_fin_timeout is ${fin} s: ports are held long`, "sysctl -w net.ipv4.tcp_fin_timeout=60"),
    );
  }
  return found.length > 0 ? found : [ok("no kernel setting is too low")];
}

function numberOf(host: HostView, name: string): number | undefined {
  const text = host.read(path(name))?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function path(name: string): string {
  return `/proc/sys/${name.replaceAll(".", "/")}`;
}
