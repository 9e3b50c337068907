/** Prints the man page gate46(1), made of the command line and the table of options: `man.ts > gate46.1`. */
import process from "node:process";
import type { Command, Option } from "commander";
import { examples, program } from "../../src/cli/program.ts";
import { version } from "../../src/cli/version.ts";
import { fileKey, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { bold, dateOf, entry, escaped, italic, quoted, section, text } from "./roff.ts";

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
  "TOML, named by --config, with the keys that OPTIONS names, and tables of rules, users and upstreams: see " +
  "gate46.toml(5). Flags and variables override it.";

const seeAlso = ["gate46.toml(5)", "curl(1)", "systemd.exec(5)", "socksify(1)", "RFC 1928", "RFC 1929", "RFC 3089"];

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
    section("CONFIGURATION FILE", text(keys)),
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

function exampleLines(): readonly string[] {
  return examples.split("\n").filter((line) => line.startsWith("  ")).map((line) => escaped(line.trim()));
}

if (import.meta.main) {
  process.stdout.write(manPage(dateOf(process.env)));
}
