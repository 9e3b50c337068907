import { nearest } from "./nearest.ts";
import { flagName, type OptionKey, optionKeys, optionOf, variableName } from "./options.ts";

/** A part of a configuration: an option, or a table of the file. */
export type Part = OptionKey | FileTable;

/** The arrays of tables of the file. */
export type FileTable = "users" | "access" | "forwards" | "upstreams" | "rules";

/** The texts of one option in one source. */
export interface Given {
  readonly texts: readonly string[];
  /** The place of the text at `index`, for error messages. */
  where(index: number): string;
  /** The name of the source, for people. */
  readonly from: string;
}

/** One source: the flags, the environment, or the file. */
export interface Source {
  readonly given: Partial<Record<OptionKey, Given>>;
  /** Errors in the source. */
  readonly problems: readonly string[];
}

/** The values of flags as written, by the option's key. */
export type RawOptions = Partial<Record<OptionKey, string | boolean | readonly string[]>>;

export function flagSource(raw: RawOptions): Source {
  const given: Partial<Record<OptionKey, Given>> = {};
  for (const key of optionKeys) {
    const value = raw[key];
    if (value === undefined) continue;
    const texts = Array.isArray(value) ? value as readonly string[] : [String(value)];
    const flag = flagName(key);
    given[key] = { texts, from: flag, where: (index) => texts.length > 1 ? `${flag}[${index}]` : flag };
  }
  return { given, problems: [] };
}

/** What our variables begin with. */
const PREFIX = "GATE46_";

/** Variables with our prefix that are read elsewhere. */
const foreign = [
  /^GATE46_(RUNTIME|BINS|SEED|SLOW|TEST_HASTE)$/, // scripts/ and tests
  /^GATE46_SOCKSIFY_(VIA|DIRECT)$/, // the preload library; its gateways are not upstreams of a gateway that is started under it
  /_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP|SCTP)(_|$)|$)/, // set by Kubernetes in each pod for a Service named gate46
];

/** Variables GATE46_NAME; lists are separated by commas or blanks. An empty variable counts as unset. */
export function environmentSource(environment: Readonly<Record<string, string | undefined>>): Source {
  const given: Partial<Record<OptionKey, Given>> = {};
  const keys = new Map(optionKeys.map((key) => [variableName(key), key]));
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || !text || foreign.some((pattern) => pattern.test(variable))) continue;
    const key = keys.get(variable);
    if (key) {
      const { many, secret } = optionOf(key);
      const texts = many && !secret ? text.split(/[\s,]+/).filter(Boolean) : [text];
      if (texts.length === 0) continue;
      given[key] = { texts, from: variable, where: (index) => texts.length > 1 ? `${variable}[${index}]` : variable };
    } else {
      const near = nearest(variable.slice(PREFIX.length), [...keys.keys()].map((one) => one.slice(PREFIX.length)));
      problems.push(`Cannot use ${variable}: no such setting${near ? ` (did you mean ${PREFIX}${near}?)` : ""}`);
    }
  }
  return { given, problems };
}
