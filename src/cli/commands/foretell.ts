import { withoutPassword } from "../../config/values/values.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { type Candidate, candidates } from "../../gateway/dial/plan.ts";
import type { Nat64 } from "../../gateway/dial/nat64_discovery.ts";
import type { SessionExits } from "../../gateway/dial/exits.ts";
import { isPrefix } from "../../gateway/way_out.ts";
import type { Verdict } from "../../gateway/rules/rule.ts";
import type { Judge } from "../../gateway/rules/ruleset.ts";
import type { Budget, GatewaySettings } from "../../gateway/settings.ts";
import { type Address, addressText, isUnspecified } from "../../protocol/address.ts";
import { AddressType, Command } from "../../protocol/codes.ts";

/** What judges a request, and where the outcome is written. */
export interface Foreteller {
  readonly judge: Judge;
  readonly resolver: Resolver;
  readonly nat64?: Nat64 | undefined;
  readonly settings: Pick<GatewaySettings, "resolveCommands">;
  /** Its source addresses, interface and mark. */
  readonly exits?: SessionExits | undefined;
  /** True if every process chooses the same address of a prefix for a user or client. */
  readonly lasting?: boolean;
  say(line: string): void;
}

/**
 * Predicts how the gateway judges a request, or a datagram for UDP ASSOCIATE. Resolves with true if a destination is allowed.
 * It judges as gateway/ does, in the same order, and a test compares the two. Rejects with NetError.
 */
export async function foretell(
  { judge, resolver, nat64, settings, exits, lasting, say }: Foreteller,
  command: Command,
  destination: Address,
): Promise<boolean> {
  const deny = (reason: string) => {
    say(`deny: ${reason}`);
    return false;
  };
  const named = destination.type === AddressType.DomainName;
  if ((command === Command.Resolve || command === Command.ResolvePtr) && !settings.resolveCommands) {
    return deny("the command is not served without --resolve-commands");
  }
  const refused = judge.command();
  if (refused) return deny(`${refused.rule}, wherever it goes`);
  if (command === Command.ResolvePtr && named) return deny("a name, not an address");
  if (isForAnyone(command, destination)) {
    const onward = judge.anywhere();
    say(onward ? `allow: ${reason(onward)}` : "allow: each peer is judged when it comes");
    return true;
  }
  const early = named ? judge.name(destination.host, destination.port) : undefined;
  if (early?.allowed === false) return deny(`${early.rule}, before the name is resolved`);
  const goesNowhere = command === Command.UdpAssociate && destination.port === 0;
  if (early && !goesNowhere) {
    say(`allow: ${reason(early)}, where the name is resolved`);
    return true;
  }
  const hosts = named && !early ? await resolver.resolve(destination.host) : [destination.host];
  if (goesNowhere) return deny("port 0");
  const all = candidates(judge, destination, hosts);
  const widest = Math.max(...all.map(({ address }) => addressText(address).length));
  for (const [i, one] of all.entries()) {
    const way = one.verdict.allowed && nat64 ? await nat64.way(one.address) : one.address;
    const leaves = one.verdict.allowed && !one.verdict.via ? leaving(exits, lasting === true, way, one.verdict) : "";
    say(line(one, i, widest) + (way.host === one.address.host ? "" : `, by ${addressText(way)}`) + leaves);
  }
  return all.some(({ verdict }) => verdict.allowed);
}

/** True for BIND for any peer, and for an association without the client's port. CONNECT always goes to one address. */
function isForAnyone(command: Command, { host, port }: Address): boolean {
  if (!isUnspecified(host)) return false;
  return command === Command.Bind || (command === Command.UdpAssociate && port === 0);
}

function line({ address, verdict }: Candidate, i: number, width: number): string {
  const place = verdict.allowed ? `${i + 1}.` : "-";
  const said = verdict.allowed ? `allow: ${reason(verdict)}` : `deny: ${verdict.rule}`;
  return `${place.padStart(4)} ${addressText(address).padEnd(width)}  ${said}`;
}

/** The way out, as text. It names the prefix alone if the address is chosen for each session, or changes with a restart. */
function leaving(exits: SessionExits | undefined, lasting: boolean, { host }: Address, { wayOut }: Verdict): string {
  if (!exits) return "";
  const six = host.includes(":"), said = exits.said(wayOut);
  const source = six ? said.ipv6 : said.ipv4;
  const from = source && isPrefix(source.text) && (source.per === "session" || !lasting)
    ? `one of ${source.text}`
    : exits.towards(host, wayOut)?.localAddr;
  return [
    ...from === undefined ? [] : [`from ${from}`],
    ...said.device === undefined ? [] : [`through ${said.device}`],
    ...said.mark === undefined ? [] : [`marked ${said.mark}`],
  ].map((text) => `, ${text}`).join("");
}

function reason({ rule, family, via, budget }: Verdict): string {
  const more = [...family ? [family] : [], ...via ? [`via ${via.map(withoutPassword).join(", ")}`] : []];
  return [rule, ...more, ...budget ? [budgetText(budget)] : []].join(", ");
}

/** The shared limits of sessions; empty if there are none. */
export function budgetText({ bandwidth, maxSessions, maxRate }: Budget): string {
  return [
    ...maxSessions === undefined ? [] : [`at most ${plural(maxSessions, "session")}`],
    ...maxRate === undefined ? [] : [`at most ${plural(maxRate, "new session")} a second`],
    ...bandwidth === undefined ? [] : [`at most ${bandwidth} bytes a second each way`],
  ].join(", ");
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
