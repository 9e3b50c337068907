import type { Member } from "./member.ts";
import type { Provision } from "./provision.ts";
import type { Setup } from "./worker_messages.ts";

/** A configuration, numbered, and the workers that still need it. */
export interface Generation extends Provision {
  readonly setup: Setup;
  readonly needed: Set<Member>;
}

/** Configurations that sessions still have: each lives until another is current and no worker needs it. */
export class Generations {
  #current: Generation;
  readonly #kept = new Map<number, Generation>();

  constructor(provision: Provision) {
    this.#current = numbered(1, provision);
    this.#kept.set(1, this.#current);
  }

  /** What workers are started with. */
  get current(): Generation {
    return this.#current;
  }

  get(number: number): Generation | undefined {
    return this.#kept.get(number);
  }

  /** Has another follow, which is current from now on. */
  follow(provision: Provision): Generation {
    this.#current = numbered(Math.max(...this.#kept.keys()) + 1, provision);
    this.#kept.set(this.#current.setup.generation, this.#current);
    return this.#current;
  }

  /** `member` does not need it any more. */
  retire(generation: Generation, member: Member): void {
    if (generation.needed.delete(member)) this.closeIfUnneeded(generation);
  }

  /** `member` needs none any more. */
  retireAll(member: Member): void {
    for (const generation of this.#kept.values()) this.retire(generation, member);
  }

  closeIfUnneeded(generation: Generation): void {
    const { naming, needed, setup } = generation;
    if (needed.size > 0 || generation === this.#current) return;
    this.#kept.delete(setup.generation);
    if (!Array.from(this.#kept.values()).some((other) => other.naming === naming)) naming.close();
  }

  /** Nobody asks any more. */
  close(): void {
    for (const { naming } of this.#kept.values()) naming.close();
  }
}

function numbered(generation: number, { setup, ...provision }: Provision): Generation {
  const asksForPasswords = provision.authenticator !== undefined;
  return { ...provision, setup: { ...setup, generation, asksForPasswords }, needed: new Set() };
}
