import { type Candidates, type Flag, type Grammar, type ValueFlag, valueFlags } from "./grammar.ts";

/** The script needs bash alone, not the functions of bash-completion. */
export function bashScript({ name, flags, commands }: Grammar): string {
  const all = [{ name: "", flags, places: [] }, ...commands];
  return `# Completes ${name} in bash: put it into /usr/share/bash-completion/completions, or . <(${name} completion bash)
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command='' place=0 i
  COMPREPLY=()
  # bash takes --flag=value for three words
  if [[ $current == = ]]; then current=''
  elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${valueFlags(all).flatMap(({ names }) => names).join(" | ")})
        [[ \${COMP_WORDS[i + 1]} == = ]] && ((i++))
        ((i++))
        ;;
      -*) ;;
      ${commands.map(({ name }) => name).join(" | ")})
        if [[ $command ]]; then ((place++)); else command=\${COMP_WORDS[i]}; fi
        ;;
      *) ((place++)) ;;
    esac
  done
  case $before in
${byOffer(valueFlags(all)).map(([offer, names]) => `    ${names.join(" | ")}) ${offer}; return ;;`).join("\n")}
  esac
  case $command:$current in
${all.filter(({ flags }) => flags.length > 0).map((command) => `    ${ownFlags(command)}`).join("\n")}
    *:-*) ;;
    :*) [[ $place -gt 0 ]] || ${offer(commands.map(({ name }) => name))} ;;
    *)
      case $command:$place in
${
    commands.flatMap(({ name, places }) =>
      places.map(({ candidates }, i) => `        ${name}:${i}) ${offer(candidates)} ;;`)
    ).join("\n")
  }
      esac
      ;;
  esac
}
complete -F _${name} ${name}
`;
}

/** The names of flags, grouped by their values. */
function byOffer(flags: readonly ValueFlag[]): readonly (readonly [offer: string, names: readonly string[]])[] {
  const names = new Map<string, string[]>();
  for (const { names: own, value } of flags) {
    const key = offer(value.candidates);
    names.set(key, [...names.get(key) ?? [], ...own]);
  }
  return [...names];
}

function ownFlags({ name, flags }: { readonly name: string; readonly flags: readonly Flag[] }): string {
  const pattern = name === "" ? ":-* | serve:-*" : `${name}:-*`;
  return `${pattern}) ${offer(flags.flatMap(({ names }) => names))} ;;`;
}

function offer(candidates: Candidates): string {
  const reply = (from: string) => `COMPREPLY=($(compgen ${from} -- "$current"))`;
  switch (candidates) {
    case "files":
      return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")`;
    case "interfaces":
      return reply(`-W "$(cd /sys/class/net 2>/dev/null && echo *)"`);
    case "processes":
      return reply(`-W "$(pidof gate46 2>/dev/null)"`);
    case "unknown":
      return ":";
    default:
      return reply(`-W '${candidates.join(" ")}'`);
  }
}
