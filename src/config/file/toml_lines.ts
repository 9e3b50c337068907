/** The path of a key or an element: `["rules", 2, "to", 0]`. */
export type Path = readonly (string | number)[];

/** `rules[2].to[0]` */
export function pathText(path: Path): string {
  return path.map((part, i) => typeof part === "number" ? `[${part}]` : i > 0 ? `.${part}` : part).join("");
}

/**
 * Returns a function from a path to its line in `toml`; for a missing path, to the line of its nearest parent. The text
 * has been parsed before, so only the separators of keys and values matter.
 */
export function tomlLines(toml: string): (path: Path) => number | undefined {
  const lines = new Scan(toml).lines();
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(pathText(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  };
}

class Scan {
  readonly #toml: string;
  readonly #lines = new Map<string, number>();
  /** The number of tables in each array of tables. */
  readonly #tables = new Map<string, number>();
  #at = 0;
  #line = 1;

  constructor(toml: string) {
    this.#toml = toml;
  }

  lines(): ReadonlyMap<string, number> {
    let table: Path = [];
    for (this.#blank(); this.#at < this.#toml.length; this.#blank()) {
      if (this.#next("[[")) table = this.#tableOf(this.#key(), true);
      else if (this.#next("[")) table = this.#tableOf(this.#key(), false);
      else this.#pair(table);
    }
    return this.#lines;
  }

  /** The path of the table with that header key; reads the end of the header. */
  #tableOf(key: readonly string[], isNew: boolean): Path {
    const path: (string | number)[] = [];
    key.forEach((part, i) => {
      path.push(part);
      const name = pathText(path);
      const isLast = i === key.length - 1;
      if (isNew && isLast) this.#tables.set(name, (this.#tables.get(name) ?? 0) + 1);
      const count = this.#tables.get(name);
      if (count) path.push(count - 1);
    });
    this.#note(path);
    while (this.#next("]"));
    return path;
  }

  #pair(table: Path): void {
    const path = [...table, ...this.#key()];
    this.#note(path);
    this.#next("=");
    this.#value(path);
  }

  #value(path: Path): void {
    this.#blank();
    if (this.#next("[")) {
      for (let i = 0; !this.#ends("]"); i++) {
        this.#note([...path, i]);
        this.#value([...path, i]);
        this.#blank();
        this.#next(",");
      }
    } else if (this.#next("{")) {
      while (!this.#ends("}")) {
        this.#pair(path);
        this.#blank();
        this.#next(",");
      }
    } else if (!this.#text()) this.#take(/[^,\]}#\r\n]*/y);
  }

  /** True if `bracket`, which is consumed, or the end follows after blanks. */
  #ends(bracket: string): boolean {
    this.#blank();
    return this.#next(bracket) || this.#at >= this.#toml.length;
  }

  #key(): string[] {
    const parts: string[] = [];
    do {
      this.#blank();
      const text = this.#text();
      parts.push(text ? text.slice(1, -1) : this.#take(/[^\s.=\]]*/y));
      this.#blank();
    } while (this.#next("."));
    return parts;
  }

  #text(): string {
    return this.#take(/"""(?:\\[^]|[^\\])*?"""+|'''[^]*?'''+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'/y);
  }

  #blank(): void {
    this.#take(/(?:\s|#[^\n]*)*/y);
  }

  #next(text: string): boolean {
    const found = this.#toml.startsWith(text, this.#at);
    if (found) this.#at += text.length;
    return found;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#toml)?.[0] ?? "";
    this.#at += text.length;
    for (const letter of text) if (letter === "\n") this.#line++;
    return text;
  }

  #note(path: Path): void {
    for (let length = 1; length < path.length; length++) {
      const around = pathText(path.slice(0, length));
      if (!this.#lines.has(around)) this.#lines.set(around, this.#line);
    }
    this.#lines.set(pathText(path), this.#line);
  }
}
