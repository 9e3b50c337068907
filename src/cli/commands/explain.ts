import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import type { ListenSpec } from "../../config/values/listen.ts";
import { accessOf, mayGoWithout } from "../../gateway/entrance/access.ts";
import { Exits, type SessionExits } from "../../gateway/dial/exits.ts";
import type { Leaver } from "../../gateway/dial/prefix_address.ts";
import { type PackedRules, packRules } from "../../gateway/rules/packed_rules.ts";
import { budgetOf } from "../../gateway/limits/limits.ts";
import type { Budget } from "../../gateway/settings.ts";
import { Ruleset } from "../../gateway/rules/ruleset.ts";
import { interfaceAddrs } from "../../net/kernel/host/interfaces.ts";
import { systemFiles } from "../files/system_files.ts";
import { systemLookups } from "../service/system_lookups.ts";
import { systemClock } from "../../net/clock.ts";
import { openNet } from "../../net/open.ts";
import { type Address, ipAddress, parseIp } from "../../protocol/address.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { readLists } from "../files/list_files.ts";
import { loadConfigHere } from "../files/standard_config.ts";
import { machineKey } from "../service/machine_key.ts";
import { type Naming, openNaming } from "../service/naming.ts";
import { print } from "../print.ts";
import { loadUsers } from "../files/users_file.ts";
import { budgetText, foretell } from "./foretell.ts";
import { imagine, type Imagined, placeOf, someClient } from "./imagined.ts";

/** The options of `gate46 explain` alone. */
export interface ExplainFlags {
  /** Undefined for this machine, if it may connect. */
  readonly client: string | undefined;
  readonly user?: string;
  readonly listener?: string;
}

/**
 * `gate46 explain COMMAND DESTINATION`: the outcome of a request, and its reasons. Resolves with 0 if a destination is
 * allowed, else with 1; rejects with ConfigError, or with NetError if the name cannot be resolved.
 */
export async function explain(
  options: RawOptions,
  { client: asker, user, listener: said }: ExplainFlags,
  commandText: string,
  destinationText: string,
): Promise<number> {
  const { config } = await loadConfigHere(options);
  const rules = packRules(config.rules, await readLists(config.rules));
  const imagined = imagine(commandText, destinationText);
  const { command, anonymous } = imagined;
  const client = asker ?? someClient(config.gateway.from);
  const from = ipAddress(client, 0);
  if (!from) throw new ConfigError(`Cannot parse --client: '${client}' is not an address`);
  const { name: listener, spec } = placeOf(config, said, imagined);
  const as = user === undefined ? "" : ` as ${user}`;
  say(`${imagined.text} from ${from.host}${as}${anonymous ? ` at ${listener}` : ""}`);
  const turnedAway = await whyTurnedAway(config, from, user, anonymous ? undefined : { listener });
  const wish = turnedAway ?? wishAt(imagined, spec);
  if (typeof wish === "string") {
    say(`deny: ${wish}`);
    return 1;
  }
  const { destination, byName } = wish;
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
    const judge = rulesetOf(config, rules, naming).judgeFor({
      client: from,
      username: user,
      command,
      byName,
      listener,
    });
    const exits = exitsOf(config, { client: from, username: user }, spec);
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

/** Limits that the client shares with other clients, before rules are applied. */
function budgetsOf(
  { gateway }: Config,
  { host }: Address,
  user: string | undefined,
  listener: string,
): readonly (readonly [whose: string, Budget])[] {
  const access = accessOf(gateway.access, { client: host, listener });
  return [
    ...access ? [[access.name, access] as const] : [],
    ...user === undefined ? [] : [[`user ${user}`, budgetOf(gateway, user)] as const],
  ];
}

/** The request as the gateway would read it, or the reason why it is invalid. */
function wishAt(imagined: Imagined, spec: ListenSpec): ReturnType<Imagined["wishAt"]> | string {
  try {
    return imagined.wishAt(spec);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

/** The source addresses, interface and mark that `serve` would use. */
function exitsOf(
  { rules, gateway: settings }: Config,
  leaver: Leaver,
  spec: ListenSpec,
): SessionExits | undefined {
  const exits = new Exits({ settings, others: rules.some(({ wayOut }) => wayOut), key: machineKey() ?? "" });
  return exits.of(leaver, spec.wayOut);
}

/** Why the client would be refused before the rules; `asked` is the listener that asks for a password, if it does. */
async function whyTurnedAway(
  config: Config,
  { host }: Address,
  user: string | undefined,
  asked: { readonly listener: string } | undefined,
): Promise<string | undefined> {
  const { access, from } = config.gateway;
  if (from && !from.some((prefix) => prefix.contains(parseIp(host)!))) return "the client is not in a --from prefix";
  const elsewhere = (config.authCommand ?? config.authUrl) !== undefined;
  const others = elsewhere || config.gssapiKeytab !== undefined;
  const users = asked && await loadUsers(config.users, config.usersFile, undefined, others);
  if (!users || (users.size === 0 && !elsewhere)) {
    return user === undefined ? undefined : "this listener requires no authentication, so the user name is unknown";
  }
  if (user === undefined && mayGoWithout(access, { client: host, ...asked })) return undefined;
  if (user === undefined) return "the gateway requires a username and password; give --user";
  return elsewhere || users.has(user) ? undefined : "no such user"; // the program or server that knows other users is not asked
}

/** The ruleset that `serve` would use, with the configured listeners. */
function rulesetOf(
  { allow, family, default: otherwise, listen, admin }: Config,
  rules: PackedRules,
  { nat64 }: Naming,
): Ruleset {
  const own = [...listen.map(({ addr }) => addr), ...admin ? [admin] : []];
  const meant = nat64 && ((ipv6: Uint8Array) => nat64.meant(ipv6));
  return new Ruleset({ rules, allow, family, otherwise, meant, ownListeners: () => own, localAddrs: interfaceAddrs });
}

function say(line: string): void {
  void print(`${line}\n`);
}
