/** Problems in the user's input: one line for each, which names the place and what was expected. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(...problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** An invalid value; the message names the value and what was expected, but not its place. */
export class WrongValue extends Error {
  override readonly name = "WrongValue";
}
