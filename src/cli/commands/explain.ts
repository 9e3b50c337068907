import type { Config } from "../../config/config.ts";
import { ConfigError, WrongValue } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { listenerNames, parseListener } from "../../config/values/listen.ts";
import { parseTarget } from "../../config/values/values.ts";
import { accessOf, mayGoWithout } from "../../gateway/entrance/access.ts";
import { Exits, type SessionExits } from "../../gateway/dial/exits.ts";
import type { Leaver } from "../../gateway/dial/prefix_address.ts";
import type { Asker } from "../../gateway/rules/rule.ts";
import { type PackedRules, packRules } from "../../gateway/rules/packed_rules.ts";
import { budgetOf } from "../../gateway/limits/limits.ts";
import type { Budget } from "../../gateway/settings.ts";
import { Ruleset } from "../../gateway/rules/ruleset.ts";
import { interfaceAddrs } from "../../net/kernel/interfaces.ts";
import { systemFiles } from "../files/system_files.ts";
import { systemLookups } from "../service/system_lookups.ts";
import { systemClock } from "../../net/clock.ts";
import { openNet } from "../../net/open.ts";
import { type Address, addressText, ipAddress, parseIp } from "../../protocol/address.ts";
import { Command, commandName } from "../../protocol/codes.ts";
import { readLists } from "../files/list_files.ts";
import { loadConfig } from "../files/load_config.ts";
import { machineKey } from "../service/machine_key.ts";
import { type Naming, openNaming } from "../service/naming.ts";
import { print } from "../print.ts";
import { loadUsers } from "../files/users_file.ts";
import { budgetText, foretell } from "./foretell.ts";

/** What `gate46 explain` is told beside the options that are anyone's. */
export interface ExplainFlags {
  readonly client: string;
  readonly user?: string;
  readonly listener?: string;
}

/**
 * `gate46 explain COMMAND DESTINATION`: what would become of a request, and why. Resolves with 0 where something may pass,
 * with 1 where nothing may; rejects with ConfigError, or with NetError where the name cannot be resolved.
 */
export async function explain(
  options: RawOptions,
  { client, user, listener: said }: ExplainFlags,
  commandText: string,
  destinationText: string,
): Promise<number> {
  const { config } = await loadConfig(options);
  const rules = packRules(config.rules, await readLists(config.rules));
  const command = parseCommand(commandText);
  const destination = parseDestination(destinationText);
  const from = ipAddress(client, 0);
  if (!from) throw new ConfigError(`Cannot parse --client: '${client}' is no address`);
  const listener = listenerOf(config, said);
  say(
    `${commandName(command)} ${addressText(destination)} from ${from.host}${user === undefined ? "" : ` as ${user}`}`,
  );
  const turnedAway = await whyTurnedAway(config, from, user, listener);
  if (turnedAway) {
    say(`deny: ${turnedAway}`);
    return 1;
  }
  for (const [whose, budget] of budgetsOf(config, from, user, listener)) {
    const text = budgetText(budget);
    if (text) say(`${whose}: ${text}`);
  }
  const naming = openNaming(config, {
    net: await openNet(),
    clock: systemClock,
    system: systemLookups(),
    files: systemFiles(),
  });
  await naming.nat64?.discover();
  try {
    const judge = rulesetOf(config, rules, naming).judgeFor({ client: from, username: user, command, listener });
    const exits = exitsOf(config, { client: from, username: user }, listener);
    return await foretell(
        { ...naming, judge, settings: config.gateway, exits, lasting: machineKey() !== undefined, say },
        command,
        destination,
      )
      ? 0
      : 1;
  } finally {
    naming.close();
  }
}

/** What the client shares with others before a rule is asked. */
function budgetsOf(
  { gateway }: Config,
  { host }: Address,
  user: string | undefined,
  listener: string | undefined,
): readonly (readonly [whose: string, Budget])[] {
  const access = accessOf(gateway.access, { client: host, listener });
  return [
    ...access ? [[access.name, access] as const] : [],
    ...user === undefined ? [] : [[`user ${user}`, budgetOf(gateway, user)] as const],
  ];
}

/** What rules call the listener that the client comes to. Throws ConfigError. */
function listenerOf({ listen, rules, gateway: { access } }: Config, said: string | undefined): string | undefined {
  const names = listenerNames(listen);
  if (said === undefined) {
    const asksForIt = new Set(listen.map(({ wayOut }) => JSON.stringify(wayOut))).size > 1
      ? "they have ways out of their own"
      : [...rules, ...access].some(({ listeners }) => listeners)
      ? "rules or access ask for it"
      : undefined;
    if (listen.length === 1 || asksForIt === undefined) return names[0];
    throw new ConfigError(`Cannot explain: say --listener, one of ${names.join(", ")}, since ${asksForIt}`);
  }
  const meant = parsed("--listener", () => parseListener(said));
  const found = meant.find((name) => names.includes(name) || listen.some(({ systemd }) => systemd !== undefined));
  if (found === undefined) throw new ConfigError(`Cannot parse --listener: no --listen is '${said}'`);
  return found;
}

/** By what `serve` would have it leave. */
function exitsOf(config: Config, leaver: Leaver, listener: string | undefined): SessionExits | undefined {
  const { listen, rules, gateway: settings } = config;
  const exits = new Exits({ settings, others: rules.some(({ wayOut }) => wayOut), key: machineKey() ?? "" });
  const said = listen.find((one) => listener !== undefined && listenerNames([one]).includes(listener)) ??
    listen.find(({ systemd }) => systemd !== undefined);
  return exits.of(leaver, said?.wayOut);
}

/** Why the client would not come as far as the rules. */
async function whyTurnedAway(
  config: Config,
  { host }: Address,
  user: string | undefined,
  listener: string | undefined,
): Promise<string | undefined> {
  const { access, from } = config.gateway;
  if (from && !from.some((prefix) => prefix.contains(parseIp(host)!))) return "the client is in no --from";
  const users = await loadUsers(config.users, config.usersFile);
  if (users.size === 0) return user === undefined ? undefined : "nobody is asked for a name here, so none is known";
  if (user === undefined && mayGoWithout(access, { client: host, listener })) return undefined;
  if (user === undefined) return "the gateway asks for username and password; say --user";
  return users.has(user) ? undefined : "no such user";
}

/** The ruleset as `serve` would have it; its listeners are those that are configured. */
function rulesetOf(
  { allow, family, default: otherwise, listen, admin }: Config,
  rules: PackedRules,
  { nat64 }: Naming,
): Ruleset {
  const own = [...listen.map(({ addr }) => addr), ...admin ? [admin] : []];
  const meant = nat64 && ((ipv6: Uint8Array) => nat64.meant(ipv6));
  return new Ruleset({ rules, allow, family, otherwise, meant, ownListeners: () => own, localAddrs: interfaceAddrs });
}

function parseCommand(text: string): Asker["command"] {
  const all = Object.values(Command).filter((one) => one !== Command.UdpInTcp); // which is udp-associate to rules
  const found = all.find((one) => commandName(one) === text) ??
    all.find((one) => commandName(one).startsWith(`${text}-`));
  if (!found) throw new ConfigError(`Cannot explain '${text}': not one of ${all.map(commandName).join(", ")}`);
  return found;
}

/** HOST:PORT, as a client could ask for it. */
function parseDestination(text: string): Address {
  return parsed("", () => parseTarget(text, 0));
}

function parsed<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const what = flag === "" ? "explain" : `parse ${flag}`;
    if (error instanceof WrongValue) throw new ConfigError(`Cannot ${what}: ${error.message}`);
    throw error;
  }
}

function say(line: string): void {
  void print(`${line}\n`);
}
