import type { Config } from "../../../config/config.ts";
import { parseNameServices } from "../../../dns/system/name_services.ts";
import { parseIp } from "../../../protocol/address.ts";
import { discoverPrefix, WELL_KNOWN_NAME } from "../../../protocol/ip/nat64.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView, NameAnswer } from "../host_view.ts";

/** An answer about a name that takes longer is slow (ms). */
const SLOW_MS = 500;

/** Checks which resolvers are used, whether they answer, and which NAT64 prefix they announce. */
export async function checkNames(host: HostView, config: Config): Promise<readonly Finding[]> {
  const [answer, servers] = await Promise.all([host.resolve(WELL_KNOWN_NAME), checkServers(host)]);
  const who = host.servers.length > 0 ? servers : [checkSystem(host, answer), ...checkServices(host)];
  return [...who, ...answer.failure === undefined ? checkNat64(host, config, answer) : []];
}

async function checkServers(host: HostView): Promise<readonly Finding[]> {
  const { ok, note, problem } = findings("DNS");
  const states = await Promise.all(host.servers.map(async ({ name, probe }) => ({ name, ...await probe() })));
  const found = states.map(({ name, ms, failure, refuses }) =>
    failure !== undefined
      ? note(`${name} does not answer: ${failure}`, "its address, or what is between here and there")
      : refuses
      ? note(
        `${name} answers, but refuses: it resolves names of its own only, or not for this host`,
        "one that resolves all names, where that is wanted, or whom it resolves for",
      )
      : ms > SLOW_MS
      ? note(`${name} answers, but in ${ms.toFixed(0)} ms`, "one that is nearer")
      : ok(`${name} answers in ${ms.toFixed(0)} ms`)
  );
  const none = states.length > 0 && states.every(({ failure }) => failure !== undefined);
  return none ? [...found, problem("no --dns server answers: names cannot be resolved", "--dns")] : found;
}

function checkSystem(host: HostView, { ms, failure }: NameAnswer): Finding {
  const { ok, note, problem } = findings("DNS");
  const named = Array.from(host.read("/etc/resolv.conf")?.matchAll(/^\s*nameserver\s+(\S+)/gm) ?? [], ([, one]) => one);
  const who = `the system's resolver${named.length > 0 ? ` (${named.join(", ")})` : ""}`;
  if (failure !== undefined) {
    return problem(
      `${who} does not answer: ${failure}; names cannot be resolved`,
      named.length > 0 ? "/etc/resolv.conf, or --dns" : "a nameserver in /etc/resolv.conf, or --dns",
    );
  }
  if (ms > SLOW_MS) {
    return note(`${who} answers, but in ${ms.toFixed(0)} ms`, "one that is nearer, or --dns with its cache");
  }
  return ok(`${who} answers in ${ms.toFixed(0)} ms`);
}

/** Notes sources of names in nsswitch.conf that only getaddrinfo can ask. */
function checkServices(host: HostView): readonly Finding[] {
  if (host.platform !== "linux" || parseNameServices(host.read("/etc/nsswitch.conf") ?? "")) return [];
  const { note } = findings("DNS");
  const says =
    "nsswitch.conf has for hosts what only getaddrinfo knows, whose threads names can hold that nobody answers for";
  return [note(says, "'hosts: files dns' there, or --dns")];
}

function checkNat64(host: HostView, config: Config, { hosts }: NameAnswer): readonly Finding[] {
  const { ok, note } = findings("NAT64");
  const prefixes = hosts.filter((one) => one.includes(":")).flatMap((one) => discoverPrefix(parseIp(one)!) ?? []);
  const [prefix] = prefixes.map(String);
  if (prefix === undefined) {
    if (config.nat64 !== "auto") return [];
    return [note("--nat64 auto, but the network tells of none", "--nat64 PREFIX, where there is one all the same")];
  }
  if (config.nat64) return [ok(`the network has one at ${prefix}`)];
  const needed = !host.addrs.some((addr) => !addr.includes(":") && !addr.startsWith("127."));
  return [
    needed
      ? note(`the network has one at ${prefix}, and this host no IPv4: IPv4 literals lead nowhere`, "--nat64 auto")
      : ok(`the network has one at ${prefix}; IPv4 goes directly`),
  ];
}
