import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/error.ts";
import type { RawOptions } from "../../config/source.ts";
import { withoutPassword } from "../../config/values.ts";
import { type Candidate, candidates } from "../../gateway/candidates.ts";
import type { Asker, Verdict } from "../../gateway/rules/rule.ts";
import { type Judge, Ruleset } from "../../gateway/ruleset.ts";
import { interfaceAddrs } from "../../net/interfaces.ts";
import { systemFiles } from "../files/system_files.ts";
import { systemLookups } from "../service/system_lookups.ts";
import { systemClock } from "../../net/clock.ts";
import { openNet } from "../../net/mod.ts";
import { type Address, addressText, ipAddress, isUnspecified, nameAddress, parseIp } from "../../protocol/address.ts";
import { AddressType, Command, commandName } from "../../protocol/codes.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { loadConfig } from "../files/config_file.ts";
import { type Naming, openNaming } from "../service/names.ts";
import { print } from "../print.ts";
import { loadUsers } from "../files/users_file.ts";

/** What `gate46 explain` is told beside the options that are anyone's. */
export interface ExplainFlags {
  readonly client: string;
  readonly user?: string;
}

/**
 * `gate46 explain COMMAND DESTINATION`: what would become of a request, and why. Resolves with 0 where something may pass,
 * with 1 where nothing may; rejects with ConfigError, or with NetError where the name cannot be resolved.
 */
export async function explain(
  options: RawOptions,
  { client, user }: ExplainFlags,
  commandText: string,
  destinationText: string,
): Promise<number> {
  const { config } = await loadConfig(options);
  const command = parseCommand(commandText);
  const destination = parseDestination(destinationText);
  const from = ipAddress(client, 0);
  if (!from) throw new ConfigError(`Cannot parse --client: '${client}' is no address`);
  say(
    `${commandName(command)} ${addressText(destination)} from ${from.host}${user === undefined ? "" : ` as ${user}`}`,
  );
  const turnedAway = await whyTurnedAway(config, from, user);
  if (turnedAway) return deny(turnedAway);
  const naming = openNaming(config, {
    net: await openNet(),
    clock: systemClock,
    system: systemLookups(),
    files: systemFiles(),
  });
  await naming.nat64?.discover();
  try {
    return await judge(
      rulesetOf(config, naming).judgeFor({ client: from, username: user, command }),
      destination,
      naming,
    );
  } finally {
    naming.close();
  }
}

async function judge(judge: Judge, destination: Address, { resolver, nat64 }: Naming): Promise<number> {
  const refused = judge.command();
  if (refused) return deny(`${refused.rule}, wherever it goes`);
  if (isUnspecified(destination.host)) {
    say("allow: each peer is judged when it comes");
    return 0;
  }
  const named = destination.type === AddressType.DomainName;
  const early = named ? judge.name(destination.host, destination.port) : undefined;
  if (early?.allowed === false) return deny(`${early.rule}, before the name is resolved`);
  if (early) {
    say(`allow: ${reason(early)}, where the name is resolved`);
    return 0;
  }
  const hosts = named ? await resolver.resolve(destination.host) : [destination.host];
  const all = candidates(judge, destination, hosts);
  const widest = Math.max(...all.map(({ address }) => addressText(address).length));
  for (const [i, one] of all.entries()) {
    const way = one.verdict.allowed && nat64 ? await nat64.way(one.address) : one.address;
    say(
      line(one, i, widest) + (way.host === one.address.host ? "" : `, by ${addressText(way)}`),
    );
  }
  return all.some(({ verdict }) => verdict.allowed) ? 0 : 1;
}

/** Why the client would not come as far as the rules. */
async function whyTurnedAway(config: Config, { host }: Address, user: string | undefined): Promise<string | undefined> {
  const { from } = config.gateway;
  if (from && !from.some((prefix) => prefix.contains(parseIp(host)!))) return "the client is in no --from";
  const users = await loadUsers(config.users, config.usersFile);
  if (users.size === 0) return user === undefined ? undefined : "nobody is asked for a name here, so none is known";
  if (user === undefined) return "the gateway asks for username and password; say --user";
  return users.has(user) ? undefined : "no such user";
}

/** The ruleset as `serve` would have it; its listeners are those that are configured. */
function rulesetOf({ rules, allow, family, listen, admin }: Config, { nat64 }: Naming): Ruleset {
  const own = [...listen.map(({ addr }) => addr), ...admin ? [admin] : []];
  const meant = nat64 && ((ipv6: Uint8Array) => nat64.meant(ipv6));
  return new Ruleset({ rules, allow, family, meant, ownListeners: () => own, localAddrs: interfaceAddrs });
}

function line({ address, verdict }: Candidate, i: number, width: number): string {
  const place = verdict.allowed ? `${i + 1}.` : "-";
  const said = verdict.allowed ? `allow: ${reason(verdict)}` : `deny: ${verdict.rule}`;
  return `${place.padStart(4)} ${addressText(address).padEnd(width)}  ${said}`;
}

function reason({ rule, family, via }: Verdict): string {
  return [rule, ...family ? [family] : [], ...via ? [`via ${via.map(withoutPassword).join(", ")}`] : []].join(", ");
}

function parseCommand(text: string): Asker["command"] {
  const all = Object.values(Command);
  const found = all.find((one) => commandName(one) === text) ??
    all.find((one) => commandName(one).startsWith(`${text}-`));
  if (!found) throw new ConfigError(`Cannot explain '${text}': not one of ${all.map(commandName).join(", ")}`);
  return found;
}

/** HOST:PORT, as a client could ask for it. */
function parseDestination(text: string): Address {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new ConfigError(`Cannot explain '${text}': no destination (write example.org:443)`);
  }
  try {
    return nameAddress(match[1]!, port);
  } catch (error) {
    if (error instanceof ProtocolError) throw new ConfigError(`Cannot explain '${text}': ${error.message}`);
    throw error;
  }
}

function deny(reason: string): number {
  say(`deny: ${reason}`);
  return 1;
}

function say(line: string): void {
  void print(`${line}\n`);
}
