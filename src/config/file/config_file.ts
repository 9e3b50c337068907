import { parse, type TomlTable } from "smol-toml";
import * as v from "valibot";
import type { Access, Budget } from "../../gateway/settings.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { namedUpstream, type Upstream } from "../../gateway/upstreams/upstream.ts";
import { ConfigError } from "../config_error.ts";
import { type BudgetTexts, fileSchema, type FileTables, NO_TEXT, UNKNOWN } from "./file_schema.ts";
import { withPasswordPath } from "../values/hop_password.ts";
import type { WayOut } from "../../gateway/way_out.ts";
import { wayOutOf, type WayOutTexts } from "../values/way_out_value.ts";
import { nearest } from "../nearest.ts";
import { fileKey, type OptionKey, optionKeys, optionOf } from "../options.ts";
import type { FileTable, Given, Part, Source } from "../source.ts";
import { type Path, pathText, tomlLines } from "./toml_lines.ts";
import { type ConfiguredForward, forwardOf } from "../values/forward.ts";
import type { ConfiguredUser } from "../values/user.ts";
import { withoutPassword } from "../values/values.ts";

/** The content of a configuration file. Loaded only if there is one, since TOML and the schema take time to load. */
export interface FileContent extends Source {
  /** The options and tables with problems; of users the names are left, since their mere presence counts. */
  readonly broken: readonly Part[];
  readonly users: readonly ConfiguredUser[];
  readonly access: readonly Access[];
  readonly forwards: readonly ConfiguredForward[];
  readonly upstreams: readonly Upstream[];
  readonly rules: readonly Rule[];
  /** Access, forwards, upstreams and rules as written, for printing. */
  readonly plainAccess: readonly unknown[];
  readonly plainForwards: readonly unknown[];
  readonly plainUpstreams: readonly unknown[];
  readonly plainRules: readonly unknown[];
  /** The whole table as written. */
  readonly table: TomlTable;
  /** The name of an entry, such as `rules[2] 'work'`, with its line. */
  placed(name: string): string;
}

/**
 * Reads `toml`, the content of the file named `file` in messages; `resolve` makes its paths relative to this process.
 * Errors are in `problems`; throws ConfigError if it is not TOML at all.
 */
export function readFile(toml: string, file: string, resolve: (path: string) => string): FileContent {
  return readTable(parseToml(toml.replace(/^\ufeff/, ""), file), toml, file, resolve);
}

/** The same with the parsed table of `toml`. */
export function readTable(
  parsed: TomlTable,
  toml: string,
  file: string,
  resolve: (path: string) => string,
): FileContent {
  const table = withPaths(parsed, resolve);
  let lines: ReturnType<typeof tomlLines> | undefined;
  const lineOf = (path: Path) => (lines ??= tomlLines(toml))(path) ?? 1;
  const place = (path: Path) => `${file} line ${lineOf(path)}`;
  const checked = v.safeParse(fileSchema, table);
  const found = [
    ...(checked.issues ?? []).flatMap((issue) => flat(issue)),
    ...namedTwice(table, "users"),
    ...namedTwice(table, "upstreams"),
    ...unnamed(table),
    ...passwordless(table),
    ...sharedOfNothing(table),
  ];
  const problems = found.sort((a, b) => lineOf(a.path) - lineOf(b.path))
    .map((one) => `Cannot parse ${place(one.path)}: ${describe(one)}`);
  const wrong = new Set(found.map(({ path: [key] }) => String(key)));
  const given = givenOptions(table, wrong, place, resolve);
  const { users, access, forwards, rules, upstreams } = soundTables(checked.output as FileTables, wrong);
  return {
    given,
    problems,
    broken: brokenParts(wrong),
    users: (users ?? []).map(({ name, password, password_file, quota, quota_period: period = "month", ...rest }) => ({
      name,
      password,
      passwordFile: password_file === undefined ? undefined : resolve(password_file),
      ...quota !== undefined && { quota: { bytes: quota, period } },
      ...budgeted(rest),
      ...leaving(rest),
    })),
    access: (access ?? []).map(({ listener, from, auth, ...rest }, i) => ({
      ...from && { from },
      ...auth && { auth },
      ...budgeted(rest).budget,
      ...listener && { listeners: listener.flat() },
      name: `access[${i}]`,
    })),
    forwards: (forwards ?? []).map(({ listen, via, to, proxy_protocol: proxyProtocol, idle_timeout: idleMs }) => ({
      ...forwardOf(listen, { to, proxyProtocol, idleMs }),
      via,
    })),
    upstreams: (upstreams ?? []).map(({ name, chains, policy, probe, ...way }) => ({
      name,
      chains,
      policy,
      probe,
      ...leaving(way),
    })),
    rules: (rules ?? []).map(ruleOf),
    plainAccess: listOf(table.access),
    plainForwards: listOf(table.forwards),
    plainUpstreams: listOf(table.upstreams),
    plainRules: listOf(table.rules),
    table,
    placed: (name) => {
      const [, key, i] = /^(\w+)\[(\d+)\]/.exec(name) ?? [];
      return key === undefined ? name : `${name} (line ${lineOf([key, Number(i)])})`;
    },
  };
}

const tables = ["users", "access", "forwards", "upstreams", "rules"] as const satisfies readonly FileTable[];

/** The parts that these keys name; for an unknown key, the part that was perhaps meant. */
function brokenParts(wrong: ReadonlySet<string>): readonly Part[] {
  const parts = new Map<string, Part>([
    ...tables.map((key) => [key, key] as const),
    ...optionKeys.map((key) => [fileKey(key), key] as const),
  ]);
  return [...wrong].flatMap((key) => parts.get(parts.has(key) ? key : nearest(key, [...parts.keys()]) ?? "") ?? []);
}

/** The tables without problems, and the names of users. */
function soundTables(all: FileTables, wrong: ReadonlySet<string>): FileTables {
  const sound = Object.fromEntries(tables.flatMap((key) => wrong.has(key) ? [] : [[key, all[key]]])) as FileTables;
  if (!wrong.has("users")) return sound;
  return { ...sound, users: namesIn(all.users).map((name) => ({ name: String(name) })) } as FileTables;
}

function parseToml(toml: string, file: string): TomlTable {
  try {
    return parse(toml, { unsafeKeyBehaviour: "throw", maxDepth: 20 }) as TomlTable;
  } catch (error) {
    const { line, message } = error as { line?: number; message: string };
    const state = message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw new ConfigError(`Cannot parse ${file}${line === undefined ? "" : ` line ${line}`}: ${state}`);
  }
}

/** The table with the paths of upstreams' URLs and of rules' files resolved. */
function withPaths(table: TomlTable, resolve: (path: string) => string): TomlTable {
  const resolved = (value: unknown): unknown => {
    if (typeof value === "string") return withPasswordPath(value, resolve);
    if (Array.isArray(value)) return value.map(resolved);
    if (typeof value !== "object" || value === null || value instanceof Date) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, files.includes(key) ? file(inner) : resolved(inner)]),
    );
  };
  const files = ["to_file", "names_file"];
  const file = (value: unknown): unknown =>
    typeof value === "string" ? resolve(value) : Array.isArray(value) ? value.map(file) : value;
  const withUrls = Object.entries(table).filter(([key]) => ["via", "forwards", "upstreams", "rules"].includes(key));
  return { ...table, ...Object.fromEntries(withUrls.map(([key, value]) => [key, resolved(value)])) as TomlTable };
}

/** The options among the keys, without those that fail the schema. */
function givenOptions(
  table: TomlTable,
  wrong: ReadonlySet<string>,
  place: (path: Path) => string,
  resolve: (path: string) => string,
): Partial<Record<OptionKey, Given>> {
  const given: Partial<Record<OptionKey, Given>> = {};
  for (const key of optionKeys) {
    const name = fileKey(key);
    const value = table[name];
    if (value === undefined || wrong.has(name)) continue;
    const values = Array.isArray(value) ? value : [value];
    given[key] = {
      texts: values.map((one) => optionOf(key).path ? resolve(String(one)) : String(one)),
      get from() {
        return place([name]);
      },
      where: (index) => {
        const path = values.length > 1 ? [name, index] : [name];
        return `${place(path)}: ${pathText(path)}`;
      },
    };
  }
  return given;
}

function ruleOf(
  {
    name,
    listener,
    to_file: toFiles,
    names_file: namesFiles,
    bandwidth,
    max_sessions,
    max_rate,
    outgoing,
    outgoing_per,
    interface: device,
    mark,
    ...rule
  }: NonNullable<FileTables["rules"]>[number],
  i: number,
): Rule {
  return {
    ...rule,
    ...budgeted({ bandwidth, max_sessions, max_rate }),
    ...listener && { listeners: listener.flat() },
    ...toFiles && { toFiles },
    ...namesFiles && { namesFiles },
    ...leaving({ outgoing, outgoing_per, interface: device, mark }),
    name: name === undefined ? `rules[${i}]` : `rules[${i}] '${name}'`,
  };
}

function budgeted(
  { bandwidth, max_sessions: maxSessions, max_rate: maxRate }: BudgetTexts,
): { readonly budget?: Budget } {
  const budget = {
    ...bandwidth !== undefined && { bandwidth },
    ...maxSessions !== undefined && { maxSessions },
    ...maxRate !== undefined && { maxRate },
  };
  return Object.keys(budget).length > 0 ? { budget } : {};
}

function leaving(texts: WayOutTexts): { readonly wayOut?: WayOut } {
  const wayOut = wayOutOf(texts);
  return wayOut ? { wayOut } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function namesIn(tables: unknown): readonly unknown[] {
  return listOf(tables).map((one) => (one as { name?: unknown } | null)?.name);
}

function namedTwice(table: TomlTable, key: "users" | "upstreams"): Problem[] {
  const names = namesIn(table[key]);
  return names.flatMap((name, i) =>
    typeof name === "string" && names.indexOf(name) < i
      ? [{ path: [key, i, "name"], input: name, message: "is named twice" }]
      : []
  );
}

/** Tables with outgoing_per but without outgoing. */
function sharedOfNothing(table: TomlTable): Problem[] {
  return (["users", "upstreams", "rules"] as const).flatMap((key) =>
    listOf(table[key]).flatMap((one, i) => {
      const { outgoing, outgoing_per: input } = Object(one) as { outgoing?: unknown; outgoing_per?: unknown };
      if (input === undefined || outgoing !== undefined) return [];
      return [{ path: [key, i, "outgoing_per"], input, message: "needs outgoing" }];
    })
  );
}

/** Users without a password, if no users file and no other authentication is configured. */
function passwordless({ users, ...rest }: TomlTable): Problem[] {
  if ((rest.users_file ?? rest.gssapi_keytab ?? rest.auth_command ?? rest.auth_url) !== undefined) return [];
  return listOf(users).flatMap((one, i) => {
    const { password, password_file } = Object(one) as { password?: unknown; password_file?: unknown };
    if (typeof one !== "object" || password !== undefined || password_file !== undefined) return [];
    return [{ path: ["users", i], input: one, message: "give one of password or password_file, or set users_file" }];
  });
}

/** Rules that name a missing upstream. */
function unnamed({ rules, upstreams }: TomlTable): Problem[] {
  const names = namesIn(upstreams);
  return listOf(rules).flatMap((rule, i) => {
    const said = (rule as { via?: unknown } | null)?.via;
    const via = Array.isArray(said) ? said : [said];
    const name = via.length === 1 && typeof via[0] === "string" && namedUpstream(via as string[]);
    if (!name || names.includes(name)) return [];
    const near = nearest(name, names.filter((one) => typeof one === "string"));
    const message = `'${withoutPassword(name)}' is not one of the upstreams${near ? ` (did you mean ${near}?)` : ""}`;
    return [{ path: ["rules", i, "via"], input: name, message }];
  });
}

interface Problem {
  readonly path: Path;
  readonly input: unknown;
  readonly message: string;
}

/** The problems and their paths; for a value or a list, judged by the form that was written. */
function flat(issue: v.BaseIssue<unknown>, base: Path = []): Problem[] {
  const path = [...base, ...(issue.path ?? []).map(({ key }) => key as string | number)];
  const inner = issue.issues ?? [];
  const deeper = inner.filter((one) => one.path);
  if (deeper.length > 0) return deeper.flatMap((one) => flat(one, path));
  const orList = inner.some(({ type }) => type === "array");
  if (orList && !Array.isArray(issue.input)) return flat(inner[0]!, path);
  return [{ path, input: issue.input, message: issue.message }];
}

function describe({ path, input, message }: Problem): string {
  const where = pathText(path);
  const key = String(path.at(-1));
  if (message === UNKNOWN) {
    const near = nearest(key, keysBeside(path));
    return `${where} is not known${near ? ` (did you mean ${near}?)` : ""}`;
  }
  if (input === undefined) return `${where} is missing`;
  const simple = ["string", "number", "boolean", "bigint"].includes(typeof input);
  // A parser's message contains the value already, and a check of a whole table has none.
  const state = simple && message === NO_TEXT ? `${message} (put it in quotes)` : message;
  if (!simple || isSecret(path) || !message.startsWith("is ")) return `${where}: ${state}`;
  return `${where}: '${withoutPassword(String(input))}' ${state}`;
}

/** True if the value must not be shown: of users, only the name is. */
function isSecret(path: Path): boolean {
  return path[0] === "users" && path[2] !== "name";
}

/** The keys allowed at the end of `path`. */
function keysBeside(path: Path): string[] {
  const [first] = path;
  const isTable = first === "rules" || first === "users" || first === "access" || first === "upstreams" ||
    first === "forwards";
  const schema = isTable ? tableOf(first) : fileSchema;
  return Object.keys((path.length === 1 ? fileSchema : schema).entries);
}

function tableOf(key: FileTable): { readonly entries: v.ObjectEntries } {
  if (key === "upstreams") return fileSchema.entries.upstreams.pipe[0].wrapped.item;
  const [optional] = fileSchema.entries[key].pipe;
  return optional.wrapped.item.pipe[0];
}
