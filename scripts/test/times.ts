import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Seconds of a run that nobody has seen yet. */
const UNKNOWN_S = 5;

/** How long runs took last: as this machine knows, else as the project does. */
export class Times {
  readonly #shared: string;
  readonly #own: string;
  readonly #seconds: Record<string, number>;

  constructor(root: string) {
    this.#shared = join(root, "scripts/test/times.json");
    this.#own = join(root, ".tools/test_times.json");
    this.#seconds = { ...read(this.#shared), ...read(this.#own) };
  }

  seconds(name: string): number {
    return this.#seconds[name] ?? UNKNOWN_S;
  }

  note(name: string, wallMs: number): void {
    this.#seconds[name] = Math.round(wallMs / 100) / 10;
  }

  /** For the next run here; with `shared` for everybody's first, without what is not in `names`. */
  save(names: readonly string[], shared: boolean): void {
    const file = shared ? this.#shared : this.#own;
    const kept = shared ? names : Object.keys(this.#seconds);
    const sorted = Object.fromEntries([...kept].sort().map((name) => [name, this.seconds(name)]));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
  }
}

function read(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {}; // nothing has been noted yet
  }
}
