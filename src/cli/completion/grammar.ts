import { explainedNames } from "../commands/explained.ts";
import type { Command, Option } from "commander";
import { type OptionKey, optionKeys, optionOf } from "../../config/options.ts";

/** The words of the command line, for scripts that complete them without running the program. */
export interface Grammar {
  readonly name: string;
  /** The flags of the program without a command. */
  readonly flags: readonly Flag[];
  readonly commands: readonly GrammarCommand[];
}

export interface GrammarCommand {
  readonly name: string;
  readonly help: string;
  readonly flags: readonly Flag[];
  /** The arguments, in their order. */
  readonly places: readonly Place[];
}

export interface Flag {
  /** As `-h` and `--help`. */
  readonly names: readonly string[];
  readonly help: string;
  readonly many: boolean;
  /** The value of the flag; undefined for a switch. */
  readonly value: Place | undefined;
}

export interface Place {
  readonly name: string;
  readonly candidates: Candidates;
}

/** A list of words, a kind of value that the shell lists, or unknown. */
export type Candidates = readonly string[] | "files" | "interfaces" | "processes" | "unknown";

export const shells = ["bash", "fish", "zsh"] as const;

/** Values that the table of options does not list, since other values are allowed too. */
const ofOptions: Partial<Record<OptionKey, Candidates>> = {
  admin: ["off"],
  interface: "interfaces",
  nat64: ["auto"],
  only: ["ipv4", "ipv6"],
  prefer: ["ipv4", "ipv6"],
  takeOver: "processes",
};

/** The values of an argument, by command and argument name. */
const ofArguments: Readonly<Record<string, Candidates>> = {
  "check config": "files",
  "completion shell": shells,
  "run command": "files",
  "explain command": explainedNames,
  "sessions end": ["end"],
  "sessions which": ["user", "client"],
  "users action": ["add", "passwd", "remove", "list"],
};

/** The default command, which may also be given by name. */
const serve: GrammarCommand = { name: "serve", help: "run the gateway, as without a command", flags: [], places: [] };

export function grammarOf(program: Command): Grammar {
  return {
    name: program.name(),
    flags: flagsOf(program),
    commands: [
      serve,
      ...program.commands.map((command) => ({
        name: command.name(),
        help: command.description(),
        flags: flagsOf(command),
        places: command.registeredArguments.map((argument) => ({
          name: argument.name(),
          candidates: candidatesAt(program, command, argument.name()),
        })),
      })),
    ],
  };
}

function candidatesAt(program: Command, command: Command, argument: string): Candidates {
  const place = `${command.name()} ${argument}`;
  if (place === "help command") return ["serve", ...program.commands.map((one) => one.name())];
  return ofArguments[place] ?? "unknown";
}

function flagsOf(command: Command): readonly Flag[] {
  return command.createHelp().visibleOptions(command).map((option) => ({
    names: [option.short, option.long].filter((name) => name !== undefined),
    help: option.description,
    many: / repeatable$/.test(option.description),
    value: option.required || option.optional ? { name: argOf(option), candidates: candidatesOf(option) } : undefined,
  }));
}

/** The text in the brackets of `--flag <ARG>`. */
function argOf(option: Option): string {
  return /[<[](.*)[>\]]$/.exec(option.flags)?.[1] ?? "";
}

function candidatesOf(option: Option): Candidates {
  const key = optionKeys.find((key) => key === option.attributeName());
  return option.argChoices ?? (key && (optionOf(key).choices ?? ofOptions[key])) ??
    (argOf(option) === "FILE" ? "files" : "unknown");
}

export type ValueFlag = Flag & { readonly value: Place };

/** The flags with a value of these commands, without duplicates. */
export function valueFlags(commands: readonly Pick<GrammarCommand, "flags">[]): readonly ValueFlag[] {
  const byName = new Map<string, ValueFlag>();
  for (const { flags } of commands) {
    for (const flag of flags) if (flag.value) byName.set(flag.names.join(), flag as ValueFlag);
  }
  return [...byName.values()];
}
