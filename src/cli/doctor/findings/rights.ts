import type { Config } from "../../../config/config.ts";
import { waysOutOf } from "../../service/ways_out.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Numbers of capabilities (capabilities(7)). */
const CAP_NET_ADMIN = 12, CAP_NET_RAW = 13;

/** Checks the rights for --mark, --interface and --install-rules, and the permissions of files with secrets. */
export function checkRights(host: HostView, config: Config, secretFiles: readonly string[]): readonly Finding[] {
  const found: Finding[] = [];
  const { note, problem } = findings("rights");
  const ways = waysOutOf(config);
  const administering = [
    ...config.installRules ? ["--install-rules"] : [],
    ...config.mark === undefined ? [] : ["--mark"],
    ...ways.filter(({ mark }) => mark !== undefined).map(({ place, mark }) => `mark ${mark} of ${place}`),
  ];
  for (const what of has(host, CAP_NET_ADMIN) ? [] : administering) {
    found.push(problem(`${what} needs CAP_NET_ADMIN`, "AmbientCapabilities=CAP_NET_ADMIN in the unit"));
  }
  const devices = [
    ...config.interface === undefined ? [] : [{ what: "--interface", device: config.interface }],
    ...ways.flatMap(({ place, device }) =>
      device === undefined ? [] : [{ what: `interface ${device} of ${place}`, device }]
    ),
  ];
  for (const { what, device } of devices) {
    if (!host.exists(`/sys/class/net/${device}`)) {
      const named = what === "--interface" ? `${what} ${device}` : what;
      found.push(problem(`${named}: there is none of that name`, "one that ip link lists"));
    } else if (!has(host, CAP_NET_RAW)) {
      found.push(note(`${what} needs CAP_NET_RAW before Linux 5.7`, "AmbientCapabilities=CAP_NET_RAW in the unit"));
    }
  }
  return [...found, ...secrets(host, secretFiles)];
}

/** Files with secrets that every user of this machine can read. */
function secrets(host: HostView, files: readonly string[]): readonly Finding[] {
  const { ok, note } = findings("secrets");
  const all = [...new Set(files)];
  const open = all.filter((path) => ((host.mode(path) ?? 0) & 0o004) !== 0);
  if (open.length > 0) {
    return open.map((path) => note(`${path} is readable by all users of this host`, `chmod o-r ${path}`));
  }
  return all.length > 0 ? [ok("no secret file is readable by all users")] : [];
}

/** True if this process has that capability; without /proc, if it is root. */
function has(host: HostView, capability: number): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)/m.exec(host.read("/proc/self/status") ?? "")?.[1];
  return effective === undefined ? host.root : (BigInt(`0x${effective}`) >> BigInt(capability) & 1n) === 1n;
}
