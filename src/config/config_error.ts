/** What is wrong with what a person wrote: one line for each problem, which names the place and what was expected. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(...problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** A value that cannot be taken; its message says what it is and what was expected, but not where it stands. */
export class WrongValue extends Error {
  override readonly name = "WrongValue";
}
