import { defaultSettings, type GatewaySettings } from "../gateway/settings.ts";
import type { FamilyChoice, Rule } from "../gateway/rules/rule.ts";
import type { Upstream } from "../gateway/upstreams/upstream.ts";
import { ConfigError } from "./error.ts";
import type { FileContent } from "./file.ts";
import { contradictory, covered, isLoopback, type ListenSpec } from "./listen.ts";
import { type OptionKey, optionKeys, optionOf, type SettingKey, type Values } from "./options.ts";
import { environmentSource, flagSource, type Given, type RawOptions } from "./source.ts";
import type { ConfiguredUser } from "./user.ts";

/** All that the program is told: the options that are no settings of the gateway, and what is made of several. */
export interface Config extends
  Omit<
    Values,
    SettingKey | "config" | "listen" | "user" | "open" | "drain" | "drainDelay" | "prefer" | "only" | "via"
  > {
  readonly listen: readonly ListenSpec[];
  readonly users: readonly ConfiguredUser[];
  readonly rules: readonly Rule[];
  /** Those that rules call by their names. */
  readonly upstreams: readonly Upstream[];
  readonly drainMs: number;
  readonly drainDelayMs: number;
  /** Of the addresses of a destination, where no rule says otherwise. */
  readonly family: FamilyChoice | undefined;
  readonly gateway: GatewaySettings;
}

/** Where a configuration comes from; what is said later overrides: file, environment, flags. */
export interface ConfigSources {
  readonly file?: FileContent;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly flags?: RawOptions;
}

/** What holds for each option, and who says so; undefined where nobody does and there is no default. */
export type Effective = Readonly<Record<OptionKey, Given | undefined>>;

export interface ReadConfig {
  readonly config: Config;
  readonly effective: Effective;
}

/** The configuration that flags alone make. Throws ConfigError. */
export function parseConfig(flags: RawOptions): Config {
  return readConfig({ flags }).config;
}

/** Throws ConfigError with all that is wrong in any of the sources. */
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

function assemble(values: Values, file: FileContent | undefined): Config {
  const { config: _, listen, user, open, drain, drainDelay, prefer, only, via, ...rest } = values;
  if (prefer && only) throw new ConfigError("Cannot have both --prefer and --only: say which");
  if (rest.dnsCa !== undefined && !rest.dns.some(({ kind }) => kind === "tls" || kind === "https")) {
    throw new ConfigError("Cannot use --dns-ca: no --dns is tls:// or https://");
  }
  const config = {
    ...withoutSettings(rest),
    listen: covered(listen.flat()),
    users: [...file?.users ?? [], ...user],
    rules: [...file?.rules ?? [], ...via.length > 0 ? [{ name: "--via", action: "allow", via } as const] : []],
    upstreams: file?.upstreams ?? [],
    drainMs: drain,
    drainDelayMs: drainDelay,
    family: only ? `only-${only}` as const : prefer && `prefer-${prefer}` as const,
    gateway: settings(values),
  };
  checkTls(config, listen.flat());
  const exposed = config.listen.find(({ addr }) => !isLoopback(addr.host));
  const closedToStrangers = config.users.length > 0 || config.usersFile !== undefined || config.gateway.from;
  if (exposed && !closedToStrangers && !open) {
    throw new ConfigError(
      `Cannot listen on ${exposed.addr.host}: it would be an open relay; add --user, --users-file or --from, or say --open`,
    );
  }
  if (config.gateway.proxies.length > 0 && !closedToStrangers && !open) {
    throw new ConfigError(
      "Cannot take clients of a proxy: it would be an open relay; add --user, --users-file or --from, or say --open",
    );
  }
  return config;
}

/** Throws ConfigError where what TLS needs is missing, or not needed. */
function checkTls({ rules, upstreams, ...config }: Config, listen: readonly ListenSpec[]): void {
  const { tlsCert, tlsKey, tlsClientCa, viaCa, viaCert, viaKey } = config;
  const both = contradictory(listen);
  if (both) throw new ConfigError(`Cannot listen on ${both.host} port ${both.port}: both with TLS and without`);
  if (listen.some(({ tls }) => tls)) {
    if (tlsCert === undefined || tlsKey === undefined) {
      throw new ConfigError("Cannot listen on socks5s://: it needs --tls-cert and --tls-key");
    }
  } else if ((tlsCert ?? tlsKey ?? tlsClientCa) !== undefined) {
    throw new ConfigError("Cannot use --tls-cert, --tls-key or --tls-client-ca: no --listen is socks5s://");
  }
  const gateways = [...rules.flatMap(({ via }) => via ?? []), ...upstreams.flatMap(({ chains }) => chains.flat())];
  if ((viaCa ?? viaCert ?? viaKey) !== undefined && !gateways.some((url) => /^(socks5|http)s:/i.test(url))) {
    throw new ConfigError("Cannot use --via-ca, --via-cert or --via-key: no gateway is socks5s:// or https://");
  }
  if ((viaCert === undefined) !== (viaKey === undefined)) {
    throw new ConfigError("Cannot use one of --via-cert and --via-key without the other");
  }
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
