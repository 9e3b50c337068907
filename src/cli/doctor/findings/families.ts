import type { Config } from "../../../config/config.ts";
import { isPrefix } from "../../../gateway/way_out.ts";
import { isLocalSix, localRouteCommand } from "../../../net/kernel/host/local_routes.ts";
import { parseIp } from "../../../protocol/address.ts";
import { sampleOf, waysOutOf } from "../../service/ways_out.ts";
import { far, isNear } from "../../service/egress.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Checks that this host has the configured source addresses. */
async function checkOutgoing(host: HostView, config: Config): Promise<readonly Finding[]> {
  const { ok, problem } = findings("families");
  const found: Finding[] = [];
  for (const { place, ipv4, ipv6 } of waysOutOf(config)) {
    for (const text of [ipv4, ipv6]) {
      if (text === undefined) continue;
      const what = place === "--outgoing" ? `${place} ${text}` : `outgoing ${text} of ${place}`;
      if (!isPrefix(text)) {
        if (!host.addrs.includes(text)) {
          found.push(problem(`${what} is not an address of this host`, "one of those that it has"));
        }
      } else {
        const there = await leadsHere(host, sampleOf(text));
        found.push(
          there
            ? ok(`${what}: its addresses are this host's`)
            : problem(`${what}: no answer to its addresses would come here`, localRouteCommand(text)),
        );
      }
    }
  }
  return found;
}

async function leadsHere(host: HostView, addr: string): Promise<boolean> {
  if (!addr.includes(":")) return await host.cannotListen({ host: addr, port: 0 }) === undefined;
  return isLocalSix(host.read("/proc/net/ipv6_route") ?? "", parseIp(addr)!);
}

const families = [
  { name: "IPv4", is: (addr: string) => !addr.includes(":"), far: far.ipv4 },
  { name: "IPv6", is: (addr: string) => addr.includes(":"), far: far.ipv6 },
] as const;

/** Checks that each family has addresses and a route; with `online`, also that a host on the Internet answers. */
export async function checkFamilies(host: HostView, config: Config, online: boolean): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const ways: (string | undefined)[] = [], answering: boolean[] = [];
  for (const { name, is, far } of families) {
    const { ok, note } = findings(name);
    const from = await host.wayTo(far);
    const own = host.addrs.filter((addr) => is(addr) && isNear(addr));
    ways.push(from ?? own[0]);
    if (from !== undefined) {
      found.push(ok(`leaves from ${from}`));
      if (online) {
        const failure = await host.cannotConnect({ host: far, port: 53 });
        answering.push(failure === undefined);
        found.push(
          failure === undefined ? ok(`${far} answers, a root name server`) : note(
            `${far}, a root name server, does not answer: ${failure}`,
            "routes, or a firewall between here and there",
          ),
        );
      }
    } else if (own.length > 0) {
      found.push(note(
        `no default route: only the networks of ${own.join(", ")} can be reached`,
        `a default route, if ${name} destinations elsewhere are wanted`,
      ));
    } else if (name === "IPv6" && host.read("/proc/sys/net/ipv6/conf/all/disable_ipv6")?.trim() === "1") {
      found.push(note(
        "switched off (net.ipv6.conf.all.disable_ipv6 is 1): no relay type but A",
        "sysctl -w net.ipv6.conf.all.disable_ipv6=0, if IPv6 is wanted",
      ));
    } else {
      found.push(note(`no address: ${name} destinations cannot be reached, but by --nat64 or --via`));
    }
  }
  const { problem } = findings("families");
  if (ways.every((way) => way === undefined) && config.rules.every(({ via }) => !via)) {
    found.push(problem("neither IPv4 nor IPv6 leads anywhere", "an address and a route of either family"));
  }
  if (answering.length > 0 && !answering.includes(true)) {
    found.push(problem("no host on the Internet answers", "routes, or a firewall between here and there"));
  }
  return [...found, ...await checkOutgoing(host, config)];
}
