import { addressText } from "../protocol/address.ts";
import { isRouted } from "../gateway/settings.ts";
import { asksClients, type Config } from "./whole.ts";
import type { Part } from "./source.ts";
import type { Rule } from "../gateway/rules/rule.ts";
import { namedUpstream } from "../gateway/upstreams/upstream.ts";
import { isLoopback, listenerNames } from "./values/listen.ts";

/** The parts that remarks are about. */
export const remarked: readonly Part[] = [
  ...["listen", "forward", "forwards", "rules", "access", "upstreams", "via", "default", "allow", "fakeDns"] as const,
  ...["admin", "adminTokenFile"] as const,
  ...["gssapiKeytab", "gssapiService", "gssapiReplayCache", "gssapiNec", "gssapiFirst"] as const,
  ...["usersFile", "authCommand", "authUrl"] as const,
];

/** A line for each thing in a configuration that holds, but is hardly meant so. */
export function remarks(config: Config, placed = (name: string) => name): readonly string[] {
  const { admin, adminTokenFile, allow, rules } = config;
  const said: string[] = [];
  if (config.default === "deny" && allow.length === 0 && rules.every(({ action }) => action === "deny")) {
    said.push("--default is deny, and neither a rule nor --allow allows anything: every request is denied");
  }
  if (admin && admin.unix === undefined && !isLoopback(admin.host) && adminTokenFile === undefined) {
    said.push(
      `--admin ${
        addressText(admin)
      } is for others too, and there is no --admin-token-file: only /healthz and /readyz ` +
        "answer; the page, /metrics and /api are refused",
    );
  }
  if (config.fakeDns.length > 0 && !config.listen.some(({ only }) => isRouted(only))) {
    said.push("--fake-dns answers with addresses that no listener serves; add --listen transparent://ADDR:PORT");
  }
  const names = listenerNames(config.listen);
  if (!config.listen.some(({ systemd }) => systemd !== undefined)) { // the addresses of systemd's sockets are not known yet
    for (const { name, listeners } of [...rules, ...config.gateway.access]) {
      if (!listeners || listeners.some((one) => names.includes(one))) continue;
      said.push(`${placed(name)} never matches: no --listen is ${listeners.join(" or ")}`);
    }
  }
  if (!asksClients(config)) {
    for (const { name } of config.gateway.access.filter(({ auth }) => auth === "none")) {
      said.push(`${placed(name)} changes nothing: no password is required (users_file, [[users]] or --user)`);
    }
    for (const { name } of rules.filter(({ users }) => users)) {
      said.push(
        `${
          placed(name)
        } never matches: it names users, and no authentication is required (users_file, [[users]] or --user)`,
      );
    }
  }
  said.push(...unreached(rules, placed), ...unused(config, placed));
  const { gssapiKeytab, gssapiService, gssapiReplayCache, gateway: { gssapiNec, gssapiFirst } } = config;
  if (gssapiKeytab === undefined && (gssapiService ?? gssapiReplayCache ?? (gssapiNec || gssapiFirst || undefined))) {
    said.push(
      "--gssapi-service, --gssapi-replay-cache, --gssapi-nec and --gssapi-first change nothing: no --gssapi-keytab",
    );
  }
  return said;
}

/** Rules of the file behind one that every request matches. */
function unreached(rules: readonly Rule[], placed: (name: string) => string): readonly string[] {
  const isOfFile = ({ name }: Rule) => name.startsWith("rules[");
  const said: string[] = [];
  let last: Rule | undefined;
  for (const rule of rules.filter(isOfFile)) {
    // An allow rule without names allows no requests of sni:// and host://, and one without prefixes opens nothing.
    const isLeft = last?.action === "allow" && [rule.names, rule.namesFiles, rule.to, rule.toFiles].some(Boolean);
    if (last && !isLeft) said.push(`${placed(rule.name)} is never reached: ${placed(last.name)} matches every request`);
    if (!last && matchers.every((key) => rule[key] === undefined)) last = rule;
  }
  return said;
}

/** The keys that limit which requests a rule matches. */
const matchers = [
  ...["from", "listeners", "users", "commands", "to", "toFiles", "names", "namesFiles", "ports", "relay"] as const,
];

/** Upstreams that no rule names. */
function unused({ rules, upstreams }: Config, placed: (name: string) => string): readonly string[] {
  const used = new Set(rules.map(({ via }) => via && namedUpstream(via)));
  return upstreams.flatMap(({ name }, i) =>
    used.has(name) ? [] : [`${placed(`upstreams[${i}] '${name}'`)} is not used: no rule has via = "${name}"`]
  );
}

/** Rules for users that do not exist, where `known` are all that there are. */
export function strangers(
  config: Config,
  known: ReadonlySet<string>,
  placed = (name: string) => name,
): readonly string[] {
  if (!asksClients(config) || (config.gssapiKeytab ?? config.authCommand ?? config.authUrl) !== undefined) return [];
  return config.rules.flatMap(({ name, users = [] }) => {
    const missing = users.filter((user) => !known.has(user)).map((user) => `'${user}'`);
    return missing.length === 0 ? [] : [`${placed(name)}: no such user: ${missing.join(", ")}`];
  });
}
