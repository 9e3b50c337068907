import type { Candidates, Flag, Grammar, GrammarCommand, Place } from "./grammar.ts";

export function zshScript({ name, flags, commands }: Grammar): string {
  return `#compdef ${name}
# Completes ${name} in zsh: put it as _${name} into a folder of $fpath, or source <(${name} completion zsh)
_${name}() {
  local curcontext=$curcontext state line
  local -A opt_args
  local -a commands=(
${commands.map(({ name, help }) => `    ${quoted(`${name}:${help}`)}`).join("\n")}
  )
  _arguments -C ${specs(flags)} \\
    '1: :->command' \\
    '*:: :->arguments'
  case $state in
    command) _describe command commands ;;
    arguments)
      curcontext=\${curcontext%:*}-$line[1]:
      case $line[1] in
${commands.map((command) => ofCommand(command, flags)).join("\n")}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function ofCommand({ name, flags, places }: GrammarCommand, rootFlags: readonly Flag[]): string {
  const arguments_ = places.map((place, i) => ` \\\n            ${quoted(`${i + 1}:${valueSpec(place)}`)}`).join("");
  return `        ${name}) _arguments ${specs(name === "serve" ? rootFlags : flags, 10)}${arguments_} ;;`;
}

function specs(flags: readonly Flag[], indent = 2): string {
  return flags.map((flag) => `\\\n${" ".repeat(indent + 2)}${flagSpec(flag)}`).join(" ");
}

function flagSpec({ names, help, many, value }: Flag): string {
  const behind = `[${help.replace(/[\\[\]]/g, "\\$&")}]${value ? `:${valueSpec(value)}` : ""}`;
  const equals = value ? "=" : "";
  if (names.length > 1) return `'(${names.join(" ")})'{${names.join(",")}}${quoted(behind)}`;
  return quoted(`${many ? "*" : ""}${names[0]}${equals}${behind}`);
}

/** The value of a flag or of an argument. */
function valueSpec({ name, candidates }: Place): string {
  return `${name.replace(/[\\:]/g, "\\$&")}:${action(candidates)}`;
}

function action(candidates: Candidates): string {
  switch (candidates) {
    case "files":
      return "_files";
    case "interfaces":
      return "_net_interfaces";
    case "processes":
      return "_pids";
    case "unknown":
      return " ";
    default:
      return `(${candidates.join(" ")})`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
