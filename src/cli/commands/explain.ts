import type { Config } from "../../config/config.ts";
import { ConfigError, WrongValue } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { parseTarget } from "../../config/values/values.ts";
import { type ListenSpec, parseListen } from "../../config/values/listen.ts";
import { Exits, type SessionExits } from "../../gateway/dial/exits.ts";
import type { Leaver } from "../../gateway/dial/prefix_address.ts";
import type { Asker } from "../../gateway/rules/rule.ts";
import { Ruleset } from "../../gateway/rules/ruleset.ts";
import { interfaceAddrs } from "../../net/kernel/interfaces.ts";
import { systemFiles } from "../files/system_files.ts";
import { systemLookups } from "../service/system_lookups.ts";
import { systemClock } from "../../net/clock.ts";
import { openNet } from "../../net/open.ts";
import { type Address, addressText, ipAddress, parseIp } from "../../protocol/address.ts";
import { Command, commandName } from "../../protocol/codes.ts";
import { loadConfig } from "../files/load_config.ts";
import { machineKey } from "../service/machine_key.ts";
import { type Naming, openNaming } from "../service/naming.ts";
import { print } from "../print.ts";
import { loadUsers } from "../files/users_file.ts";
import { foretell } from "./foretell.ts";

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
  { client, user, listener }: ExplainFlags,
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
  if (turnedAway) {
    say(`deny: ${turnedAway}`);
    return 1;
  }
  const naming = openNaming(config, {
    net: await openNet(),
    clock: systemClock,
    system: systemLookups(),
    files: systemFiles(),
  });
  await naming.nat64?.discover();
  try {
    const judge = rulesetOf(config, naming).judgeFor({ client: from, username: user, command });
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

/** By what `serve` would have it leave. Throws ConfigError. */
function exitsOf(config: Config, leaver: Leaver, listener: string | undefined): SessionExits | undefined {
  const others = config.rules.some(({ wayOut }) => wayOut);
  const exits = new Exits({ settings: config.gateway, others, key: machineKey() ?? "" });
  return exits.of(leaver, listener === undefined ? undefined : listenerAt(config, listener).wayOut);
}

/** Throws ConfigError. */
function listenerAt({ listen }: Config, text: string): ListenSpec {
  try {
    const [wanted] = parseListen(text);
    const found = listen.find(({ addr }) => addressText(addr) === addressText(wanted!.addr));
    if (found) return found;
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
  }
  const all = listen.map(({ addr }) => addressText(addr)).join(", ");
  throw new ConfigError(`Cannot parse --listener: '${text}' is none of ${all}`);
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

function parseCommand(text: string): Asker["command"] {
  const all = Object.values(Command).filter((one) => one !== Command.UdpInTcp); // which is udp-associate to rules
  const found = all.find((one) => commandName(one) === text) ??
    all.find((one) => commandName(one).startsWith(`${text}-`));
  if (!found) throw new ConfigError(`Cannot explain '${text}': not one of ${all.map(commandName).join(", ")}`);
  return found;
}

/** HOST:PORT, as a client could ask for it. */
function parseDestination(text: string): Address {
  try {
    return parseTarget(text, 0);
  } catch (error) {
    if (error instanceof WrongValue) throw new ConfigError(`Cannot explain: ${error.message}`);
    throw error;
  }
}

function say(line: string): void {
  void print(`${line}\n`);
}
