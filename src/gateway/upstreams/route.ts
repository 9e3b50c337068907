import { Reply } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { Limits } from "../../sockslib/chain/hop_chain.ts";
import { ReplyError } from "../../sockslib/chain/reply_error.ts";
import type { Chain } from "./chain.ts";
import type { UpstreamPolicy } from "./upstream.ts";

/** The work with one chain: `reach` it, which can be repeated with another chain, then `ask` it, which gives the answer. */
export interface Passage<R, T> {
  reach(chain: Chain, limits: Limits): Promise<R>;
  ask(reached: R, chain: Chain, limits: Limits): Promise<T>;
}

/** Alternative chains, and the policy that chooses among them. */
export class Route {
  readonly name: string;
  readonly chains: readonly Chain[];
  readonly #policy: UpstreamPolicy;
  readonly #clock: Clock;
  #turn = 0;

  constructor(name: string, policy: UpstreamPolicy, chains: readonly Chain[], clock: Clock) {
    this.name = name;
    this.#policy = policy;
    this.chains = chains;
    this.#clock = clock;
  }

  /**
   * Uses the first reachable chain: those that are up in the policy's order, then the others. All of it within the
   * time limits, which the remaining chains share. Rejects with ReplyError, or with NetError.
   */
  async through<R, T>(limits: Limits, { reach, ask }: Passage<R, T>): Promise<T> {
    const endAt = this.#clock.now() + limits.deadlineMs;
    const within = (chains: number) => {
      return { ...limits, deadlineMs: Math.max(1, (endAt - this.#clock.now()) / chains) };
    };
    const chains = this.order();
    const errors: unknown[] = [];
    for (const [i, chain] of chains.entries()) {
      try {
        const reached = await this.#reach(chain, within(chains.length - i), reach);
        return await ask(reached, chain, within(1));
      } catch (error) {
        if (isAnswer(error) || !(error instanceof NetError || error instanceof ReplyError)) throw error;
        errors.push(error);
        if (limits.cut.made || this.#clock.now() >= endAt) break;
      }
    }
    throw this.#failure(errors);
  }

  async #reach<R>(chain: Chain, limits: Limits, reach: Passage<R, unknown>["reach"]): Promise<R> {
    const startedAt = this.#clock.now();
    try {
      const reached = await reach(chain, limits);
      chain.works(this.#clock.now() - startedAt);
      return reached;
    } catch (error) {
      // A request's outcome does not mark a chain as down, only unreachability does.
      const refused = error instanceof ReplyError && error.last; // an association that the gateway refuses
      if (!limits.cut.made && !refused && error instanceof Error) chain.failed(this.#clock.now(), error.message);
      throw error;
    }
  }

  /** The chains in the order to try them. */
  order(): readonly Chain[] {
    const now = this.#clock.now();
    const up = this.chains.filter((chain) => chain.up || now >= chain.retryAt);
    const down = this.chains.filter((chain) => !up.includes(chain)).sort((a, b) => a.retryAt - b.retryAt);
    return [...this.#chosen(up), ...down];
  }

  #chosen(up: readonly Chain[]): readonly Chain[] {
    if (up.length < 2) return up;
    switch (this.#policy) {
      case "in-order":
        return up;
      case "round-robin": {
        const start = this.#turn++ % up.length;
        return [...up.slice(start), ...up.slice(0, start)];
      }
      case "lowest-latency": // unmeasured chains come last
        return up.toSorted((a, b) => (a.latencyMs ?? Infinity) - (b.latencyMs ?? Infinity) || 0);
    }
  }

  /** A reply is forwarded unchanged; other errors say nothing about the destination. */
  #failure(errors: readonly unknown[]): unknown {
    const reply = errors.find((error) => error instanceof ReplyError);
    if (reply) return reply;
    const error = errors.at(-1) as NetError;
    const kind = error.kind === "timed-out" ? "timed-out" : "other";
    return new NetError(kind, `Cannot go on through upstream '${this.name}': ${error.message}`, { cause: error });
  }
}

/** Replies about the gateway itself rather than the destination: another gateway may do better. */
const ofItself: readonly number[] = [Reply.GeneralFailure, Reply.CommandNotSupported, Reply.AddressTypeNotSupported];

/** True if the last gateway has answered for the destination. */
function isAnswer(error: unknown): boolean {
  return error instanceof ReplyError && error.last && !ofItself.includes(error.reply);
}
