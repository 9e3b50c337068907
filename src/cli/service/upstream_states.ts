import type { ChainHealth } from "../../admin/readiness.ts";
import type { Emit, UpstreamEvent } from "../../events.ts";

/** Known states of upstream chains; a change that several threads report is emitted once. */
export class UpstreamStates {
  readonly #emit: Emit;
  readonly #events = new Map<string, UpstreamEvent & { readonly since: number }>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get all(): readonly ChainHealth[] {
    return Array.from(this.#events.values(), ({ upstream, chain, up, detail, since }) => ({
      upstream,
      chain,
      up,
      ...!up && { ...detail !== undefined && { detail }, since: new Date(since).toISOString() },
    }));
  }

  /** Forgets all states: another configuration has other upstreams. */
  forget(): void {
    this.#events.clear();
  }

  note(event: UpstreamEvent): void {
    const key = JSON.stringify([event.upstream, event.chain]);
    const known = this.#events.get(key);
    const since = known?.up === event.up ? known.since : Date.now();
    this.#events.set(key, { ...event, since });
    if (known?.up !== event.up) this.#emit(event);
  }
}
