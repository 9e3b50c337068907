/** Prints the man page gate46(1), made of the command line, the table of options and the schema of the file: `man.ts > gate46.1`. */
import process from "node:process";
import type { Command, Option } from "commander";
import { examples, program } from "../../src/cli/program.ts";
import { version } from "../../src/cli/version.ts";
import { fileKey, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { configSchema } from "../config_schema.ts";

/** What the tables of the file hold, in the schema's words. */
interface TableSchema {
  readonly items: {
    readonly properties: Readonly<Record<string, { readonly description?: string; readonly enum?: readonly string[] }>>;
  };
}

const signals: readonly (readonly [string, string])[] = [
  [
    "SIGTERM, SIGINT",
    "drain: no new clients, sessions have --drain to end; a second one ends at once, but for one within a second, which " +
    "a terminal, timeout(1) or a task runner sends along with the first",
  ],
  ["SIGHUP", "read the configuration again; what is wrong in it is logged, and all stays as it was"],
  ["SIGUSR1", "nothing: logrotate may send it, and a log whose file was moved goes on in a new one by itself"],
  ["SIGUSR2", "hand the listeners over to a successor that was started with --take-over, and drain"],
];

const exitCodes: readonly (readonly [string, string])[] = [
  ["0", "done; for healthcheck, explain: yes"],
  ["1", "the system refused, as a port that is taken; ended by a second signal; for healthcheck, explain: no"],
  ["2", "something is written wrongly: a flag, a variable or the file; standard error says where"],
];

const files: readonly (readonly [string, string])[] = [
  [
    "/etc/gate46/gate46.toml",
    "the configuration of the service, where a package or a unit starts it; commands about a gateway read it where neither a flag nor a variable names another",
  ],
  ["$XDG_CONFIG_HOME/gate46/gate46.toml", "the same of one user, which comes first (~/.config/gate46/gate46.toml)"],
  ["/etc/hosts", "names that are known before any server is asked"],
];

const variables = "Each flag has its variable, which OPTIONS names; the flag overrides it.";
const keys =
  "TOML, named by --config, with the keys that OPTIONS names; flags and variables override them. Paths are " +
  "relative to the file's folder.";

const seeAlso = ["curl(1)", "systemd.exec(5)", "socksify(1)", "RFC 1928", "RFC 1929", "RFC 3089"];

/** The man page of that day, as source for man(7). */
export function manPage(day: Date): string {
  const root = program(new URL("file:///"), () => {});
  return [
    `.TH GATE46 1 ${day.toISOString().slice(0, 10)} ${quoted(`gate46 ${version}`)} ${quoted("User Commands")}`,
    section("NAME", `gate46 \\- ${text("a dual-stack SOCKSv5 gateway")}`),
    section(
      "SYNOPSIS",
      ["[serve] [flags]", ...root.commands.map(synopsis)].map((usage) => `.B gate46\n${text(usage)}`).join("\n.br\n"),
    ),
    section(
      "DESCRIPTION",
      text(root.description()),
      ".PP",
      text(
        "CONNECT, BIND and UDP ASSOCIATE of RFC 1928, and username and password of RFC 1929. The gateway resolves the names.",
      ),
    ),
    section("COMMANDS", ...root.commands.flatMap((command) => commandEntry(root, command))),
    section("OPTIONS", ...flagGroups(root)),
    section("ENVIRONMENT", text(`${variables} A list is separated by commas or blanks, a switch is true or false.`)),
    section("CONFIGURATION FILE", text(`${keys} What is not known refuses to start.`), ...tables()),
    section("SIGNALS", ...signals.map(([name, meaning]) => entry(bold(name), meaning))),
    section("EXIT STATUS", ...exitCodes.map(([code, meaning]) => entry(bold(code), meaning))),
    section("FILES", ...files.map(([name, meaning]) => entry(italic(name), meaning))),
    section("EXAMPLES", ".nf", ...exampleLines(), ".fi"),
    section("SEE ALSO", text(seeAlso.join(", "))),
  ].join("\n") + "\n";
}

function synopsis(command: Command): string {
  return `${command.name()} ${command.usage()}`;
}

function commandEntry(root: Command, command: Command): readonly string[] {
  const shared = (option: Option) =>
    root.options.some(({ flags, description }) => flags === option.flags && description === option.description);
  const own = command.options.filter((option) => !shared(option));
  const takes = command.options.length > own.length
    ? "; takes the flags of OPTIONS that say where it is or what holds"
    : "";
  const places = command.registeredArguments.map((place) => `${place.name()}: ${place.description}`);
  return [
    entry(bold(synopsis(command)), `${[command.description(), ...places].join("; ")}${takes}`),
    ...own.length > 0 ? [".RS", ...own.map(ownFlagEntry), ".RE"] : [],
  ];
}

function flagGroups(root: Command): readonly string[] {
  const byGroup = Map.groupBy(root.createHelp().visibleOptions(root), ({ helpGroupHeading }) => helpGroupHeading ?? "");
  return [...byGroup].flatMap(([group, flags]) => [
    ...group ? [`.SS ${quoted(group.replace(/:$/, ""))}`] : [],
    ...flags.map(flagEntry),
  ]);
}

/** Of a flag that only one command has. */
function ownFlagEntry({ flags, description, argChoices }: Option): string {
  const [, names, arg] = /^(.*?)(?: <(.*)>)?$/.exec(flags)!;
  const choices = argChoices ? `: ${argChoices.join(", ")}` : "";
  return entry(`${bold(names!)}${arg ? ` ${italic(arg)}` : ""}`, description + choices);
}

function flagEntry(option: Option): string {
  const key = optionKeys.find((key) => key === option.attributeName());
  const elsewhere = key && [variableName(key), ...optionOf(key).notInFile ? [] : [`${fileKey(key)} in the file`]];
  const also = elsewhere ? `\n.br\n${text(`Also ${elsewhere.join(", ")}.`)}` : "";
  return ownFlagEntry(option) + also;
}

function tables(): readonly string[] {
  const { properties } = JSON.parse(configSchema()) as { properties: Readonly<Record<string, TableSchema>> };
  return ["users", "upstreams", "rules"].flatMap((name) => [
    `.SS ${quoted(`[[${name}]]`)}`,
    ...Object.entries(properties[name]!.items.properties).map(([key, { description, enum: choices }]) =>
      entry(bold(key), [description, choices?.join(", ")].filter(Boolean).join(": "))
    ),
  ]);
}

function exampleLines(): readonly string[] {
  return examples.split("\n").filter((line) => line.startsWith("  ")).map((line) => escaped(line.trim()));
}

function section(name: string, ...lines: readonly string[]): string {
  return [`.SH ${quoted(name)}`, ...lines].join("\n");
}

function entry(term: string, meaning: string): string {
  return `.TP\n${term}\n${text(meaning)}`;
}

function bold(words: string): string {
  return `\\fB${escaped(words)}\\fR`;
}

function italic(words: string): string {
  return `\\fI${escaped(words)}\\fR`;
}

function quoted(words: string): string {
  return `"${escaped(words).replaceAll('"', "\\(dq")}"`;
}

/** A paragraph, in lines that are not too long. */
function text(words: string): string {
  return escaped(words).split(" ").reduce((lines, word) => {
    const last = lines.at(-1)!;
    return last !== "" && last.length + word.length > 78
      ? [...lines, word]
      : [...lines.slice(0, -1), `${last} ${word}`.trim()];
  }, [""]).map((line) => line.replace(/^[.']/, "\\&$&")).join("\n");
}

/** As roff wants it: '-' as it is typed, and ASCII alone. */
function escaped(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replace(/[^\0-\x7f]/gu, (sign) => `\\[u${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`);
}

if (import.meta.main) {
  const seconds = process.env.SOURCE_DATE_EPOCH; // of reproducible-builds.org
  process.stdout.write(manPage(seconds === undefined ? new Date() : new Date(Number(seconds) * 1000)));
}
