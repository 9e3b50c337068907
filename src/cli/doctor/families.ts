import type { Config } from "../../config/config.ts";
import { far, isNear } from "../service/egress.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "./host_view.ts";

const families = [
  { name: "IPv4", is: (addr: string) => !addr.includes(":"), far: far.ipv4 },
  { name: "IPv6", is: (addr: string) => addr.includes(":"), far: far.ipv6 },
] as const;

/** Whether each family has addresses and a way out; with `online`, whether anything really answers there. */
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
    found.push(problem("nothing on the Internet answers", "routes, or a firewall between here and there"));
  }
  for (const addr of Object.values(config.gateway.outgoing)) {
    if (!host.addrs.includes(addr)) {
      found.push(problem(`--outgoing ${addr} is no address of this host`, "one of those that it has"));
    }
  }
  return found;
}
