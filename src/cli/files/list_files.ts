import { stat } from "node:fs/promises";
import { ConfigError, WrongValue } from "../../config/config_error.ts";
import { parseNameValue, parsePrefixValue } from "../../config/values/values.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { ListBuilder, type RuleLists, type ValueList } from "../../gateway/rules/value_list.ts";
import { readText } from "./text_file.ts";

/** Maximum size of a list file (octets): about three million names. */
const MAX_SIZE = 64 << 20;

/** Maximum number of wrong lines reported for one file. */
const MAX_TOLD = 10;

/** Adds one value to a list; throws WrongValue. */
type Take = (builder: ListBuilder, value: string) => void;

const takes: Readonly<Record<keyof RuleLists, Take>> = {
  names: (builder, value) => builder.addName(parseNameValue(value)),
  to: (builder, value) => builder.addPrefix(parsePrefixValue(value)),
};

type NamesFiles = Pick<Rule, "toFiles" | "namesFiles">;

/** The files that `rules` name. */
export function listFiles(rules: readonly NamesFiles[]): readonly string[] {
  return [...filesFor(rules, "names"), ...filesFor(rules, "to")];
}

/** The total size of these files (octets); a file that cannot be read counts as 0. */
export async function listFilesSize(rules: readonly NamesFiles[]): Promise<number> {
  let size = 0;
  for (const file of listFiles(rules)) size += (await stat(file).catch(() => undefined))?.size ?? 0;
  return size;
}

/** Reads the files that `rules` name. Rejects with ConfigError, which lists the problems of each. */
export async function readLists(rules: readonly NamesFiles[]): Promise<RuleLists> {
  const problems: string[] = [];
  const read = async (what: keyof RuleLists) => {
    const lists = new Map<string, ValueList>();
    for (const file of filesFor(rules, what)) {
      try {
        lists.set(file, parseList(await readText(file, { maxSize: MAX_SIZE }), file, takes[what]));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        problems.push(...error.problems);
      }
    }
    return lists;
  };
  const lists = { names: await read("names"), to: await read("to") };
  if (problems.length > 0) throw new ConfigError(...problems);
  return lists;
}

/** One line for each empty list. */
export function emptyLists({ names, to }: RuleLists): readonly string[] {
  const told = (lists: RuleLists["names"], what: string) =>
    Array.from(lists).flatMap(([file, { isEmpty }]) => isEmpty ? [`${file} lists nothing: no ${what} fits by it`] : []);
  return [...told(names, "name"), ...told(to, "destination")];
}

/** One value per line; text after # is a comment. Throws ConfigError. */
function parseList(text: string, file: string, take: Take): ValueList {
  const builder = new ListBuilder();
  const problems: string[] = [];
  let wrong = 0;
  for (let at = text.startsWith("\ufeff") ? 1 : 0, line = 1; at < text.length; line++) {
    const next = text.indexOf("\n", at), end = next < 0 ? text.length : next;
    const said = text.slice(at, end), comment = said.indexOf("#");
    const value = (comment < 0 ? said : said.slice(0, comment)).trim();
    at = end + 1;
    if (value === "") continue;
    try {
      take(builder, value);
    } catch (error) {
      if (!(error instanceof WrongValue)) throw error;
      if (++wrong <= MAX_TOLD) problems.push(`Cannot parse ${file} line ${line}: ${error.message}`);
    }
  }
  if (wrong > MAX_TOLD) problems.push(`Cannot parse ${file}: ${wrong - MAX_TOLD} more lines are wrong`);
  if (problems.length > 0) throw new ConfigError(...problems);
  return builder.list();
}

function filesFor(rules: readonly NamesFiles[], what: keyof RuleLists): ReadonlySet<string> {
  return new Set(rules.flatMap((rule) => (what === "to" ? rule.toFiles : rule.namesFiles) ?? []));
}
