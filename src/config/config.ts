import { type Access, defaultSettings, type GatewaySettings } from "../gateway/settings.ts";
import type { Rule } from "../gateway/rules/rule.ts";
import { ConfigError } from "./config_error.ts";
import { contradictions } from "./contradictions.ts";
import type { Config } from "./whole.ts";
import type { FileContent } from "./file/config_file.ts";
import { type ReadPassword, withPasswords } from "./values/hop_password.ts";
import { forwardRules } from "./values/forward.ts";
import { covered } from "./values/listen.ts";
import { type OptionKey, optionKeys, optionOf, type SettingKey, type Values } from "./options.ts";
import { environmentSource, flagSource, type Given, type Part, type RawOptions } from "./source.ts";
import type { ConfiguredUser } from "./values/user.ts";

export type { Config };

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
export function readConfig(sources: ConfigSources): ReadConfig {
  const { problems, config, effective } = examineConfig(sources);
  if (problems.length > 0) throw new ConfigError(...problems);
  return { config, effective };
}

/** A configuration as far as it can be read. */
export interface ExaminedConfig extends ReadConfig {
  readonly problems: readonly string[];
  /** The options and tables with problems of their own; the configuration has their defaults. */
  readonly broken: ReadonlySet<Part>;
}

/** Reads all that can be read, and lists the problems of the rest. */
export function examineConfig({ file, environment, flags }: ConfigSources): ExaminedConfig {
  const sources = [
    ...file ? [file] : [],
    environmentSource(environment ?? {}),
    flagSource(flags ?? {}),
  ];
  const problems = sources.flatMap((source) => source.problems);
  const broken = new Set<Part>(file?.broken);
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
      let isWrong = false;
      const value = read(said.texts, (state, index) => {
        problems.push(`Cannot parse ${said.where(index)}: ${state}`);
        isWrong = true;
      });
      if (isWrong) broken.add(key);
      else values[key] = value;
    }
  }
  const config = assemble(values as Values, file);
  problems.push(
    ...contradictions({
      config,
      values: values as Values,
      rules: file?.rules ?? [],
      forwards: file?.forwards ?? [],
      broken,
      placed: (name) => file?.placed(name) ?? name,
    }),
  );
  return { config, effective: effective as Effective, problems, broken };
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
  return {
    ...withoutSettings(rest),
    listen: covered([...listen.flat(), ...forwards.flatMap(({ listen }) => listen)]),
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
}

/** Denies fake addresses as destinations: a name that resolved to one would lead back here. */
function fakeAddresses({ fakeIpv4, fakeIpv6 }: Pick<Values, "fakeIpv4" | "fakeIpv6">): Rule {
  return { name: "fake addresses", action: "deny", to: [fakeIpv4, fakeIpv6] };
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
