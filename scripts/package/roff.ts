/** Parts of man pages, as source for man(7). */

/** The day that a page is of: now, or that of reproducible-builds.org's variable. */
export function dateOf({ SOURCE_DATE_EPOCH: seconds }: Readonly<Record<string, string | undefined>>): Date {
  return seconds === undefined ? new Date() : new Date(Number(seconds) * 1000);
}

export function section(name: string, ...lines: readonly string[]): string {
  return [`.SH ${quoted(name)}`, ...lines].join("\n");
}

export function entry(term: string, meaning: string): string {
  return `.TP\n${term}\n${text(meaning)}`;
}

export function bold(words: string): string {
  return `\\fB${escaped(words)}\\fR`;
}

export function italic(words: string): string {
  return `\\fI${escaped(words)}\\fR`;
}

export function quoted(words: string): string {
  return `"${escaped(words).replaceAll('"', "\\(dq")}"`;
}

/** A paragraph, in lines that are not too long. */
export function text(words: string): string {
  return escaped(words).split(" ").reduce((lines, word) => {
    const last = lines.at(-1)!;
    return last !== "" && last.length + word.length > 78
      ? [...lines, word]
      : [...lines.slice(0, -1), `${last} ${word}`.trim()];
  }, [""]).map((line) => line.replace(/^[.']/, "\\&$&")).join("\n");
}

/** As roff wants it: '-' as it is typed, and ASCII alone. */
export function escaped(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replace(/[^\0-\x7f]/gu, (sign) => `\\[u${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`);
}
