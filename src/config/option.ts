import type { GatewaySettings } from "../gateway/settings.ts";
import { WrongValue } from "./config_error.ts";
import { parseChoice, parseCount, parseTime, timeText } from "./values/values.ts";

/** Reports that the text at `index` is wrong, and why. */
export type Wrong = (state: string, index: number) => void;

/**
 * One option, in all the places where it can be given: as a flag, as GATE46_NAME, in the file as name, in the JSON Schema.
 * Its name in all of them comes from its key in the table (options.ts).
 */
export interface Option<T> extends About {
  /** The name of the flag's value; undefined for a switch. */
  readonly arg: string | undefined;
  readonly many: boolean;
  /** The types allowed in the file. */
  readonly accepts: readonly ("string" | "number" | "boolean")[];
  readonly choices?: readonly string[];
  /** The default. */
  readonly fallback?: readonly string[];
  /** Parses the texts, or their absence; the result must not be used after a call of `wrong`. */
  read(texts: readonly string[] | undefined, wrong: Wrong): T;
}

/** The description of an option. */
export interface About {
  readonly group: string;
  readonly help: string;
  /** True if its text contains a secret: it is never shown, and the environment gives one value only. */
  readonly secret?: boolean;
  /** True if the file cannot have it, for a special reason. */
  readonly notInFile?: boolean;
  /** True if it is fixed at the start: a reload that changes it is refused. */
  readonly fixed?: boolean;
  /** Set for a path, of a file with or without secrets: in the configuration file it is relative to that file's folder. */
  readonly path?: "plain" | "secret";
}

/** An option that is one of the gateway's settings. */
export interface SettingOption<K extends keyof GatewaySettings> extends Option<GatewaySettings[K]> {
  readonly setting: K;
}

type Parse<T> = (text: string) => T;

/** One value, which may be absent. */
export function one<T>(arg: string, parse: Parse<T>, about: About, fallback?: undefined): Option<T | undefined>;
/** One value. */
export function one<T>(arg: string, parse: Parse<T>, about: About, fallback: string): Option<T>;
export function one<T>(arg: string, parse: Parse<T>, about: About, fallback?: string): Option<T | undefined> {
  return {
    ...about,
    arg,
    many: false,
    accepts: ["string"],
    fallback: fallback === undefined ? undefined : [fallback],
    read: (texts, wrong) => {
      const text = texts?.at(-1) ?? fallback;
      return text === undefined ? undefined : attempt(parse, text, 0, wrong);
    },
  };
}

/** Any number of values. */
export function many<T>(arg: string, parse: Parse<T>, about: About, fallback?: string): Option<readonly T[]> {
  const otherwise = fallback === undefined ? undefined : [fallback];
  return {
    ...about,
    arg,
    many: true,
    accepts: ["string"],
    fallback: otherwise,
    read: (texts, wrong) => (texts ?? otherwise ?? []).map((text, i) => attempt(parse, text, i, wrong)),
  };
}

/** On or off; off by default. */
export function toggle(about: About): Option<boolean> {
  return {
    ...about,
    arg: undefined,
    many: false,
    accepts: ["boolean"],
    read: (texts, wrong) => texts ? attempt(parseSwitch, texts[0]!, 0, wrong) : false,
  };
}

/** A time of at least `leastMs`. */
export function time(about: About, fallbackMs: number, leastMs?: number): Option<number> {
  const option = one("TIME", (text) => parseTime(text, leastMs), about, timeText(fallbackMs));
  return { ...option, accepts: ["string", "number"] };
}

export function count(about: About, fallback: number): Option<number> {
  return { ...one("N", parseCount, about, String(fallback)), accepts: ["number"] };
}

export function choice<T extends string>(arg: string, choices: readonly T[], about: About, fallback: T): Option<T> {
  return { ...one(arg, (text) => parseChoice(text, choices), about, fallback), choices };
}

/** Makes `option` one of the gateway's settings. */
export function setting<K extends keyof GatewaySettings>(
  setting: K,
  option: Option<GatewaySettings[K]>,
): SettingOption<K> {
  return { ...option, setting };
}

function parseSwitch(text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new WrongValue(`'${text}' is neither true nor false`);
}

/** Reports a text that cannot be parsed; its value is not used. */
function attempt<T>(parse: Parse<T>, text: string, index: number, wrong: Wrong): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    wrong(error.message, index);
    return undefined as T;
  }
}
