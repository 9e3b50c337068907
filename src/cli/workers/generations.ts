import type { Member } from "./member.ts";
import type { Provision } from "./provision.ts";
import type { Setup } from "./messages/worker_messages.ts";

/** A numbered configuration, and the workers that still need it. */
export interface Generation extends Provision {
  readonly setup: Setup;
  readonly needed: Set<Member>;
}

/** Configurations in use: each is kept until another is current and no worker needs it. */
export class Generations {
  #current: Generation;
  readonly #kept = new Map<number, Generation>();

  constructor(provision: Provision) {
    this.#current = numbered(1, provision);
    this.#kept.set(1, this.#current);
  }

  /** The configuration for new workers. */
  get current(): Generation {
    return this.#current;
  }

  get(number: number): Generation | undefined {
    return this.#kept.get(number);
  }

  /** Adds a configuration and makes it current. */
  follow(provision: Provision): Generation {
    this.#current = numbered(Math.max(...this.#kept.keys()) + 1, provision);
    this.#kept.set(this.#current.setup.generation, this.#current);
    return this.#current;
  }

  /** `member` no longer needs this configuration. */
  retire(generation: Generation, member: Member): void {
    if (generation.needed.delete(member)) this.closeIfUnneeded(generation);
  }

  /** `member` no longer needs any configuration. */
  retireAll(member: Member): void {
    for (const generation of this.#kept.values()) this.retire(generation, member);
  }

  closeIfUnneeded(generation: Generation): void {
    const { naming, needed, setup } = generation;
    if (needed.size > 0 || generation === this.#current) return;
    this.#kept.delete(setup.generation);
    if (!Array.from(this.#kept.values()).some((other) => other.naming === naming)) naming.close();
  }

  /** Closes the name resolution of all configurations. */
  close(): void {
    for (const { naming } of this.#kept.values()) naming.close();
  }
}

function numbered(generation: number, { setup, ...provision }: Provision): Generation {
  const asksForPasswords = provision.authenticator !== undefined;
  return { ...provision, setup: { ...setup, generation, asksForPasswords }, needed: new Set() };
}
