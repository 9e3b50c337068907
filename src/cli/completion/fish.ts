import { type Candidates, type Flag, type Grammar, type GrammarCommand, valueFlags } from "./grammar.ts";

export function fishScript({ name, flags, commands }: Grammar): string {
  const served = commands.map((command) => command.name === "serve" ? { ...command, flags } : command);
  return `# Completes ${name} in fish: put it into ~/.config/fish/completions, or ${name} completion fish | source
function __${name}_words # what stands before the cursor and is neither a flag nor its value
  set -l value no
  for word in (commandline -opc)[2..-1]
    if test $value = yes
      set value no
    else if contains -- $word ${valueFlags(served).flatMap(({ names }) => names).join(" ")}
      set value yes
    else if not string match -q -- '-*' $word
      echo $word
    end
  end
end
function __${name}_in # COMMAND...: its flags may come
  set -l words (__${name}_words) serve
  contains -- $words[1] $argv
end
function __${name}_at # COMMAND PLACE: that argument may come
  set -l words (__${name}_words)
  test (count $words) -eq $argv[2]; and begin
    test $argv[2] -eq 0; or test $words[1] = $argv[1]
  end
end
complete -c ${name} -f
${
    commands.map(({ name: command, help }) =>
      `complete -c ${name} -n '__${name}_at "" 0' -a ${command} -d ${quoted(help)}`
    )
      .join("\n")
  }
${
    eachFlag(served).map(([flag, names]) => `complete -c ${name} -n '__${name}_in ${names}' ${flagWords(flag)}`).join(
      "\n",
    )
  }
${
    commands.flatMap(({ name: command, places }) =>
      places.map(({ candidates }, i) =>
        `complete -c ${name} -n '__${name}_at ${command} ${i + 1}' ${candidateWords(candidates)}`
      )
    ).filter((line) => !line.endsWith(" ")).join("\n")
  }
`;
}

/** Each flag and the commands that have it. */
function eachFlag(commands: readonly GrammarCommand[]): readonly (readonly [Flag, string])[] {
  const shared = new Map<string, { flag: Flag; names: string[] }>();
  for (const { name, flags } of commands) {
    for (const flag of flags) {
      const key = JSON.stringify(flag);
      const entry = shared.get(key) ?? { flag, names: [] };
      entry.names.push(name);
      shared.set(key, entry);
    }
  }
  return [...shared.values()].map(({ flag, names }) => [flag, names.join(" ")]);
}

function flagWords({ names, help, value }: Flag): string {
  const spelt = names.map((name) => name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`);
  const behind = value && [value.candidates === "files" ? "-r" : "-x", candidateWords(value.candidates)];
  return [...spelt, ...behind ?? [], `-d ${quoted(help)}`].filter(Boolean).join(" ");
}

function candidateWords(candidates: Candidates): string {
  switch (candidates) {
    case "files":
      return "-F";
    case "interfaces":
      return "-a '(__fish_print_interfaces)'";
    case "processes":
      return "-a '(__fish_complete_pids)'";
    case "unknown":
      return "";
    default:
      return `-a '${candidates.join(" ")}'`;
  }
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
