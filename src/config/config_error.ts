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

/** A function that runs a check, and adds its problems to `problems` in place of rejecting with ConfigError. */
export function gathering(problems: string[]) {
  return async <T>(check: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  };
}
