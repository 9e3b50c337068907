import type { ChainHealth } from "../admin/status.ts";
import type { Emit, UpstreamEvent } from "../events.ts";

/** What is known of the chains of upstream gateways; threads that find out the same tell it once. */
export class UpstreamStates {
  readonly #emit: Emit;
  readonly #events = new Map<string, UpstreamEvent>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get all(): readonly ChainHealth[] {
    return Array.from(this.#events.values(), ({ upstream, chain, up }) => ({ upstream, chain, up }));
  }

  /** Those of another configuration are other upstreams. */
  forget(): void {
    this.#events.clear();
  }

  note(event: UpstreamEvent): void {
    const key = JSON.stringify([event.upstream, event.chain]);
    const known = this.#events.get(key);
    this.#events.set(key, event);
    if (known?.up !== event.up) this.#emit(event);
  }
}
