import type { GatewaySettings } from "../gateway/settings.ts";
import { WrongValue } from "./config_error.ts";
import { parseChoice, parseCount, parseTime, timeText } from "./values/values.ts";

/** Says that the text at `index` is wrong, and why. */
export type Wrong = (state: string, index: number) => void;

/**
 * One option, in all the places where it can be given: as a flag, as GATE46_NAME, in the file as name, in the JSON Schema.
 * Its name in all of them comes from its key in the table (options.ts).
 */
export interface Option<T> extends About {
  /** What stands behind the flag; undefined for a switch. */
  readonly arg: string | undefined;
  readonly many: boolean;
  /** As what the file may hold it. */
  readonly accepts: readonly ("string" | "number" | "boolean")[];
  readonly choices?: readonly string[];
  /** What holds where nobody says anything. */
  readonly fallback?: readonly string[];
  /** The value that texts mean, or their absence; after a `wrong` its result must not be used. */
  read(texts: readonly string[] | undefined, wrong: Wrong): T;
}

/** What is said about an option, for people. */
export interface About {
  readonly group: string;
  readonly help: string;
  /** Where its text holds a secret it is never shown, and the environment gives one value only. */
  readonly secret?: boolean;
  /** Not in the file, for a reason of its own. */
  readonly notInFile?: boolean;
  /** Settled when the program starts: a reload that changes it is refused. */
  readonly fixed?: boolean;
  /** The name of a file, with secrets in it or without: in the file it is relative to that file's folder. */
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

/** On or off, and off where nobody says anything. */
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

/** What cannot be parsed is said to be wrong, and nobody uses its value. */
function attempt<T>(parse: Parse<T>, text: string, index: number, wrong: Wrong): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    wrong(error.message, index);
    return undefined as T;
  }
}
