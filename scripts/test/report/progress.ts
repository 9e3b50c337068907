import process from "node:process";

/** Tells a person how far a run is: a line for each thing that has ended, and on a terminal one that says what is under way. */
export class Progress {
  readonly #total: number;
  readonly #startedAt = performance.now();
  readonly #underWay = new Map<string, number>();
  readonly #isTerminal = process.stdout.isTTY === true && process.env.TERM !== "dumb";
  #ended = 0;
  #failed = 0;
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor(total: number) {
    this.#total = total;
    if (!this.#isTerminal) return;
    this.#ticking = setInterval(() => this.#draw(), 500);
    this.#ticking.unref();
  }

  begin(name: string): void {
    this.#underWay.set(name, performance.now());
    this.#draw();
  }

  /** `more` is what there is to say beyond the line: why it failed. */
  end(name: string, outcome: "ok" | "FAILED" | "skipped", wallMs: number, what: string, more = ""): void {
    this.#underWay.delete(name);
    this.#ended++;
    if (outcome === "FAILED") this.#failed++;
    const place = `${this.#ended}/${this.#total}`.padStart(7);
    const line = `${place}  ${outcome.padEnd(7)} ${seconds(wallMs).padStart(7)}  ${name}${what && `: ${what}`}`;
    const colour = { ok: 32, FAILED: 31, skipped: 33 }[outcome];
    this.say(this.#isTerminal ? line.replace(outcome, `\x1b[${colour}m${outcome}\x1b[0m`) : line);
    if (more) this.say(more.replace(/^/gm, "    "));
  }

  /** A line above what is under way. */
  say(line: string): void {
    process.stdout.write(`${this.#isTerminal ? "\r\x1b[K" : ""}${line}\n`);
    this.#draw();
  }

  close(): void {
    clearInterval(this.#ticking);
    if (this.#isTerminal) process.stdout.write("\r\x1b[K");
  }

  #draw(): void {
    if (!this.#isTerminal) return;
    const now = performance.now();
    const names = Array.from(this.#underWay, ([name, since]) => `${name} ${Math.round((now - since) / 1_000)} s`);
    const failed = this.#failed > 0 ? `, ${this.#failed} failed` : "";
    const line = `${clock(now - this.#startedAt)}  ${this.#ended} of ${this.#total}${failed}  ${names.join(" · ")}`;
    process.stdout.write(`\r\x1b[K\x1b[2m${line.slice(0, (process.stdout.columns ?? 80) - 1)}\x1b[0m`);
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

export function clock(ms: number): string {
  const whole = Math.round(ms / 1_000);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
