import type { Command } from "commander";
import { ConfigError } from "../../config/config_error.ts";
import { print } from "../print.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type Grammar, grammarOf, shells } from "./grammar.ts";
import { zshScript } from "./zsh.ts";

const scripts: Readonly<Record<(typeof shells)[number], (grammar: Grammar) => string>> = {
  bash: bashScript,
  fish: fishScript,
  zsh: zshScript,
};

/** `gate46 completion SHELL`: prints the script that completes the command line of `program` in that shell. */
export async function completionCommand(program: Command, shell: string): Promise<void> {
  const known = shells.find((name) => name === shell);
  if (!known) throw new ConfigError(`Cannot complete in '${shell}': it is not one of ${shells.join(", ")}`);
  await print(scripts[known](grammarOf(program)));
}
