import {
  type Access,
  defaultSettings,
  type GatewaySettings,
  isByName,
  isForward,
  isRouted,
} from "../gateway/settings.ts";
import type { FamilyChoice, Rule } from "../gateway/rules/rule.ts";
import { addressText } from "../protocol/address.ts";
import type { Upstream } from "../gateway/upstreams/upstream.ts";
import { ConfigError } from "./config_error.ts";
import type { FileContent } from "./file/config_file.ts";
import { type ReadPassword, withPasswords } from "./values/hop_password.ts";
import { forwardRules } from "./values/forward.ts";
import { contradictory, covered, isLoopback, listenerNames, type ListenSpec } from "./values/listen.ts";
import { type OptionKey, optionKeys, optionOf, type SettingKey, type Values } from "./options.ts";
import { environmentSource, flagSource, type Given, type RawOptions } from "./source.ts";
import type { ConfiguredUser } from "./values/user.ts";

/** The whole configuration: the options that are not gateway settings, and values derived from several options. */
export interface Config extends
  Omit<
    Values,
    | SettingKey
    | "config"
    | "listen"
    | "forward"
    | "user"
    | "authExempt"
    | "open"
    | "drain"
    | "drainDelay"
    | "prefer"
    | "only"
    | "via"
  > {
  readonly listen: readonly ListenSpec[];
  readonly users: readonly ConfiguredUser[];
  readonly rules: readonly Rule[];
  /** The upstreams that rules name. */
  readonly upstreams: readonly Upstream[];
  readonly drainMs: number;
  readonly drainDelayMs: number;
  /** The choice of a destination's address family, unless a rule sets another. */
  readonly family: FamilyChoice | undefined;
  /** True if it may listen beyond loopback: strangers are refused, or --open is set. */
  readonly mayBeExposed: boolean;
  readonly gateway: GatewaySettings;
}

/** The sources of a configuration; later ones override earlier ones: file, environment, flags. */
export interface ConfigSources {
  readonly file?: FileContent;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly flags?: RawOptions;
}

/** The effective texts of each option and their source; undefined if it is not set and has no default. */
export type Effective = Readonly<Record<OptionKey, Given | undefined>>;

export interface ReadConfig {
  readonly config: Config;
  readonly effective: Effective;
}

/** The configuration from flags alone. Throws ConfigError. */
export function parseConfig(flags: RawOptions): Config {
  return readConfig({ flags }).config;
}

/** Throws ConfigError, which lists the problems of all sources. */
export function readConfig({ file, environment, flags }: ConfigSources): ReadConfig {
  const sources = [
    ...file ? [file] : [],
    environmentSource(environment ?? {}),
    flagSource(flags ?? {}),
  ];
  const problems = sources.flatMap((source) => source.problems);
  const values: Partial<Record<OptionKey, unknown>> = {};
  const effective: Partial<Record<OptionKey, Given>> = {};
  for (const key of optionKeys) {
    const { fallback, read } = optionOf(key);
    values[key] = read(undefined, () => {});
    if (fallback) effective[key] = { texts: fallback, from: "default", where: () => "default" };
    for (const { given } of sources) {
      const said = given[key];
      if (!said) continue;
      effective[key] = said;
      values[key] = read(said.texts, (state, index) => problems.push(`Cannot parse ${said.where(index)}: ${state}`));
    }
  }
  if (problems.length > 0) throw new ConfigError(...problems);
  return { config: assemble(values as Values, file), effective: effective as Effective };
}

/** The configuration with the passwords of upstreams from their files. Throws ConfigError, which lists the unreadable files. */
export function withUpstreamPasswords(config: Config, read: ReadPassword): Config {
  const problems: string[] = [];
  const filled = (urls: readonly string[]) => withPasswords(urls, read, problems);
  const rules = config.rules.map((rule) => rule.via ? { ...rule, via: filled(rule.via) } : rule);
  const upstreams = config.upstreams.map((upstream) => ({ ...upstream, chains: upstream.chains.map(filled) }));
  if (problems.length > 0) throw new ConfigError(...new Set(problems));
  return { ...config, rules, upstreams };
}

function assemble(values: Values, file: FileContent | undefined): Config {
  const { config: _, listen, forward, user, authExempt, open, drain, drainDelay, prefer, only, via, ...rest } = values;
  if (prefer && only) throw new ConfigError("Cannot use both --prefer and --only: give one of them");
  if (rest.default === "deny" && via.length > 0) {
    throw new ConfigError("Cannot use both --via and --default deny: write allow rules with via");
  }
  if (rest.dnsCa !== undefined && !rest.dns.some(({ kind }) => kind === "tls" || kind === "https")) {
    throw new ConfigError("Cannot use --dns-ca: no --dns is tls:// or https://");
  }
  const access: readonly Access[] = [
    ...file?.access ?? [],
    ...authExempt.length > 0 ? [{ name: "--auth-exempt", from: authExempt, auth: "none" } as const] : [],
  ];
  const users = [...file?.users ?? [], ...user];
  const userBudgets = new Map(users.flatMap(({ name, budget }) => budget ? [[name, budget] as const] : []));
  const userQuotas = new Map(users.flatMap(({ name, quota }) => quota ? [[name, quota] as const] : []));
  const audit = rest.logSessions === "audit";
  const gateway = { ...settings(values), access, audit, userBudgets, userQuotas, usersWaysOut: waysOutOf(users) };
  const closedToStrangers = user.length > 0 || (file?.users.length ?? 0) > 0 ||
    (rest.usersFile ?? rest.gssapiKeytab ?? rest.authCommand ?? rest.authUrl) !== undefined ||
    gateway.from !== undefined;
  const forwards = [...file?.forwards ?? [], ...forward];
  const listeners = [...listen.flat(), ...forwards.flatMap(({ listen }) => listen)];
  const config = {
    ...withoutSettings(rest),
    listen: covered(listeners),
    users,
    rules: [
      ...rest.fakeDns.length > 0 ? [fakeAddresses(rest)] : [],
      ...file?.rules ?? [],
      ...forwardRules(forwards, via),
      ...via.length > 0 ? [{ name: "--via", action: "allow", via } as const] : [],
    ],
    upstreams: file?.upstreams ?? [],
    drainMs: drain,
    drainDelayMs: drainDelay,
    family: only ? `only-${only}` as const : prefer && `prefer-${prefer}` as const,
    mayBeExposed: closedToStrangers || open,
    gateway,
  };
  if (rest.authCommand && rest.authUrl) {
    throw new ConfigError("Cannot have both --auth-command and --auth-url: say which");
  }
  const [limited] = userQuotas.keys();
  if (limited !== undefined && rest.quotaFile === undefined) {
    throw new ConfigError(`Cannot use the quota of user '${limited}': say where the count is kept (--quota-file)`);
  }
  checkTls(config, listeners);
  checkGssapi(config);
  checkNames({ listen: config.listen, rules: file?.rules ?? [] }, gateway.from !== undefined || open);
  checkRouter(config, gateway.from !== undefined || open);
  for (const spec of config.listen) refuseOpenRelay(spec, config);
  if (gateway.proxies.length > 0 && !config.mayBeExposed) throw openRelay("take clients of a proxy");
  const asksNobody = !asksClients(config);
  for (const { name, auth, from, listeners } of access) {
    if (auth === "password" && asksNobody) {
      throw new ConfigError(`Cannot use ${name}: there are no users to ask for a password (--user, --users-file)`);
    }
    if (auth !== "none" || asksNobody || from || gateway.from || open) continue;
    const isHere = (listeners ?? listenerNames(config.listen)).every((one) => isLoopbackName(one, config.listen));
    if (isHere && gateway.proxies.length === 0) continue; // a proxy may forward others to a loopback listener
    throw new ConfigError(
      `Cannot use ${name}: without passwords it would be an open relay; ` +
        "add from, or a listener on loopback or unix:, or give --open",
    );
  }
  return config;
}

/** True if clients must authenticate. */
export function asksClients(
  { users, gssapiKeytab, ...rest }: Pick<Config, "users" | "usersFile" | "gssapiKeytab" | "authCommand" | "authUrl">,
): boolean {
  return users.length > 0 || (rest.usersFile ?? gssapiKeytab ?? rest.authCommand ?? rest.authUrl) !== undefined;
}

/** Throws ConfigError if an eavesdropper could replay a client's token and be accepted. */
function checkGssapi({ gssapiKeytab, gssapiReplayCache, gateway: { gssapiNec } }: Config): void {
  if (gssapiKeytab === undefined || !gssapiNec || gssapiReplayCache !== undefined) return;
  throw new ConfigError("Cannot use --gssapi-nec: it needs --gssapi-replay-cache");
}

/** True if only this machine reaches the listener of that name; the addresses of systemd's sockets are not known yet. */
function isLoopbackName(name: string, listen: readonly ListenSpec[]): boolean {
  if (listen.some(({ systemd }) => systemd !== undefined)) return false;
  return /^(unix:|127\.|\[::1\]:)/.test(name);
}

/** Throws ConfigError if an option for TLS is missing or not needed. */
function checkTls({ rules, upstreams, ...config }: Config, listen: readonly ListenSpec[]): void {
  const { tlsCert, tlsKey, tlsClientCa, viaCa, viaCert, viaKey } = config;
  const both = contradictory(listen);
  if (both) throw new ConfigError(`Cannot listen on ${addressText(both.addr)}: ${both.state}`);
  if (listen.some(({ tls }) => tls)) {
    if (tlsCert === undefined || tlsKey === undefined) {
      throw new ConfigError("Cannot listen for TLS (socks5s://, https://, tls://): it needs --tls-cert and --tls-key");
    }
  } else if ((tlsCert ?? tlsKey ?? tlsClientCa) !== undefined) {
    throw new ConfigError(
      "Cannot use --tls-cert, --tls-key or --tls-client-ca: no --listen is socks5s://, https:// or tls://",
    );
  }
  const gateways = [...rules.flatMap(({ via }) => via ?? []), ...upstreams.flatMap(({ chains }) => chains.flat())];
  if ((viaCa ?? viaCert ?? viaKey) !== undefined && !gateways.some((url) => /^(socks5|http)s:/i.test(url))) {
    throw new ConfigError("Cannot use --via-ca, --via-cert or --via-key: no gateway is socks5s:// or https://");
  }
  if ((viaCert === undefined) !== (viaKey === undefined)) {
    throw new ConfigError("Cannot use one of --via-cert and --via-key without the other");
  }
}

/** Throws ConfigError if a listener selects by name and no rule allows names, or if strangers may use every name. */
function checkNames({ listen, rules }: Pick<Config, "listen" | "rules">, strangersMay: boolean): void {
  const byName = listen.filter(({ only }) => isByName(only));
  if (byName.length === 0) return;
  const names = rules.flatMap(({ action, names }) => action === "allow" ? names ?? [] : []);
  if (names.length === 0) {
    throw new ConfigError("Cannot listen on sni:// or host://: add an allow rule with names for their destinations");
  }
  const exposed = byName.find(({ addr }) => !isLoopback(addr.host));
  if (exposed && !strangersMay && names.some(({ text }) => text === "*")) {
    throw new ConfigError(
      `Cannot listen on ${exposed.addr.host} by name: a rule allows every name, so it would be an open relay; ` +
        "name the destinations, add --from, or give --open",
    );
  }
}

/** Denies fake addresses as destinations: a name that resolved to one would lead back here. */
function fakeAddresses({ fakeIpv4, fakeIpv6 }: Pick<Values, "fakeIpv4" | "fakeIpv6">): Rule {
  return { name: "fake addresses", action: "deny", to: [fakeIpv4, fakeIpv6] };
}

/** Throws ConfigError if strangers could be routed, or if installed rules would have no listener. */
function checkRouter({ listen, installRules }: Pick<Config, "listen" | "installRules">, strangersMay: boolean): void {
  const routed = listen.filter(({ only }) => isRouted(only) && only.udp === undefined);
  const exposed = routed.find(({ addr }) => !isLoopback(addr.host));
  if (exposed && !strangersMay) {
    throw new ConfigError(
      `Cannot listen on transparent://${addressText(exposed.addr)}: nobody is asked for a password there; ` +
        "add --from, or say --open",
    );
  }
  if (installRules && !routed.some(({ addr: { host } }) => host === "::")) {
    throw new ConfigError("Cannot use --install-rules: it needs --listen transparent://:PORT, on every address");
  }
}

/** Throws ConfigError if a listener would be an open relay without --open. */
export function refuseOpenRelay(
  { addr: { host }, only }: Pick<ListenSpec, "addr" | "only">,
  { mayBeExposed }: Pick<Config, "mayBeExposed">,
): void {
  if (!isLoopback(host) && !mayBeExposed && !isByName(only) && !isForward(only)) throw openRelay(`listen on ${host}`);
}

function openRelay(what: string): ConfigError {
  return new ConfigError(
    `Cannot ${what}: it would be an open relay; add --user, --users-file or --from, or give --open`,
  );
}

function waysOutOf(users: readonly ConfiguredUser[]): GatewaySettings["usersWaysOut"] {
  return new Map(users.flatMap(({ name, wayOut }) => wayOut ? [[name, wayOut] as const] : []));
}

function settings(values: Values): GatewaySettings {
  const all: Record<string, unknown> = { ...defaultSettings };
  for (const key of optionKeys) {
    const { setting } = optionOf(key);
    if (setting) all[setting] = values[key];
  }
  return all as unknown as GatewaySettings;
}

function withoutSettings<T extends object>(values: T): Omit<T, SettingKey> {
  const entries = Object.entries(values).filter(([key]) => !optionOf(key as OptionKey).setting);
  return Object.fromEntries(entries) as Omit<T, SettingKey>;
}
