import type { Cut } from "../../../src/net/cut.ts";
import { NetError, type NetErrorKind } from "../../../src/net/error.ts";
import type { Found, Resolver } from "../../../src/dns/resolver.ts";

/** What asking for a name comes to: addresses, a failure, or silence until the test answers. */
export type Answer = readonly string[] | NetErrorKind | "silent";

/** Names in memory. Each name may have several answers, one for each time it is asked; the last one stays. */
export class MemoryResolver implements Resolver {
  /** Every name asked for. */
  readonly asked: string[] = [];
  /** All addresses of names of which a part is known before. */
  readonly all = new Map<string, Promise<readonly string[]>>();
  readonly #answers = new Map<string, Answer[]>();
  readonly #waiting = new Map<string, ((answer: Answer) => void)[]>();

  set(name: string, ...answers: readonly Answer[]): void {
    this.#answers.set(name, [...answers]);
  }

  /** Answers those who wait for a silent name. */
  answer(name: string, answer: Answer): void {
    this.set(name, answer);
    for (const tell of this.#waiting.get(name)?.splice(0) ?? []) tell(answer);
  }

  async resolve(name: string, cut?: Cut): Promise<readonly string[]> {
    this.asked.push(name);
    const answers = this.#answers.get(name) ?? ["no-such-name"];
    const first = answers.length > 1 ? answers.shift()! : answers[0]!;
    const answer = first === "silent" ? await this.#wait(name, cut) : first;
    if (typeof answer === "string") throw new NetError(answer as NetErrorKind, `Cannot resolve '${name}': ${answer}`);
    return answer;
  }

  async first(name: string, cut?: Cut): Promise<Found> {
    return { hosts: await this.resolve(name, cut), ...this.all.has(name) && { all: this.all.get(name)! } };
  }

  async reverse(address: string): Promise<string> {
    const [name] = await this.resolve(address);
    return name!;
  }

  #wait(name: string, cut: Cut | undefined): Promise<Answer> {
    return new Promise((resolve) => {
      cut?.on(() => resolve("aborted"));
      if (cut?.made) return;
      const waiting = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, [...waiting, resolve]);
    });
  }
}
