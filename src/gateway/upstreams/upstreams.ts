import { type Address, parseIp } from "../../protocol/address.ts";
import { Command } from "../../protocol/codes.ts";
import type { Emit } from "../../events.ts";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { type ChainDialler, type ChainReach, type Limits, openChain } from "../../sockslib/chain/hop_chain.ts";
import { converse, passThrough } from "../../sockslib/chain/handshake.ts";
import { hopText, parseHops } from "../../sockslib/chain/hop.ts";
import type { HopWire } from "../../sockslib/chain/hop_wire.ts";
import { openAssociation } from "../../sockslib/chain/nested_association.ts";
import type { OnwardAssociation } from "../../sockslib/chain/onward_association.ts";
import { closedKind } from "../../protocol/ip/closed_addresses.ts";
import { isOwnListener, type OwnAddrs } from "../rules/own_listeners.ts";
import type { SessionExits } from "../dial/exits.ts";
import type { WayOut } from "../way_out.ts";
import type { Rule } from "../rules/rule.ts";
import { Chain, type ChainChange } from "./chain.ts";
import type { ProbeTurns } from "./probe_turns.ts";
import { Probes, type ProbeTimes } from "./probes.ts";
import { Route } from "./route.ts";
import { namedUpstream, type Upstream } from "./upstream.ts";

/** What upstreams are reached with. */
export interface UpstreamsOptions extends OwnAddrs, Omit<ChainReach, "outgoing"> {
  /** The named upstreams. */
  readonly upstreams: readonly Upstream[];
  /** Whose `via` names them, or gives their URLs. */
  readonly rules: readonly Pick<Rule, "via">[];
  /** How often each is looked at. */
  readonly probes: ProbeTimes;
  /**
   * Shared with other threads that have the same upstreams.
   * @internal
   */
  readonly probeTurns?: ProbeTurns | undefined;
  /** Told when one comes or goes. */
  readonly emit: Emit;
  /**
   * The source of its own probes.
   * @internal
   */
  readonly exits?: SessionExits | undefined;
}

/** The source of a session's connections to an upstream: its own, and the rule's. */
export interface Leaving {
  readonly exits?: SessionExits | undefined;
  readonly wayOut?: WayOut | undefined;
}

/** The upstream gateways of the rules: their routes and states. */
export class Upstreams {
  readonly #options: UpstreamsOptions;
  readonly #dialler: ChainDialler;
  /** By the identity of the rule's list. */
  readonly #routes = new Map<readonly string[], Route>();
  readonly #probes: Probes;
  /** Probe destinations of chains that have one. */
  readonly #waysOut = new Map<Chain, WayOut>();
  #stopped = false;

  /** Throws RangeError if a rule names an unknown upstream. */
  constructor(options: UpstreamsOptions) {
    this.#options = options;
    const { net, clock, resolver, tls, gss, rules, upstreams } = options;
    this.#dialler = { net, clock, resolver, tls, gss, checkHop: (addr) => this.#checkHop(addr) };
    this.#probes = new Probes(
      clock,
      options.probes,
      (chain, target, limits) => this.#probe(chain, target, limits),
      options.probeTurns,
    );
    const known = new Map<string, Route>();
    for (const { via } of rules) {
      if (!via) continue;
      const key = via.join(" ");
      let route = known.get(key);
      if (!route) {
        known.set(
          key,
          route = this.#route(upstreams.find(({ name }) => name === namedUpstream(via)) ?? inline(via)),
        );
      }
      this.#routes.set(via, route);
    }
  }

  /**
   * True if any rule sets a source.
   * @internal
   */
  get saysWaysOut(): boolean {
    return this.#waysOut.size > 0;
  }

  /**
   * The route that a rule's `via` means.
   * @internal
   */
  route(via: readonly string[]): Route {
    const route = this.#routes.get(via);
    if (!route) throw new NetError("other", "Cannot go on through an upstream: it is not known");
    return route;
  }

  /**
   * Connects through all gateways of the chain to the last. Rejects with ReplyError or NetError.
   * @internal
   */
  async reach(chain: Chain, limits: Limits, leaving: Leaving): Promise<HopWire> {
    this.#checkHops(chain);
    const { wire } = await openChain(
      this.#diallerOf(chain, leaving),
      chain.hops,
      limits,
      (wire) => passThrough(wire, chain.hops),
    );
    return wire;
  }

  /**
   * One association through all gateways of the chain. Rejects with ReplyError or NetError.
   * @internal
   */
  async associate(chain: Chain, limits: Limits, leaving: Leaving): Promise<OnwardAssociation> {
    this.#checkHops(chain);
    return await openAssociation(this.#diallerOf(chain, leaving), chain.hops, limits);
  }

  /** Starts the probes of the chains. */
  start(): void {
    this.#probes.start();
  }

  /** Stops reporting their state, though sessions still use them: others have replaced them. */
  stop(): void {
    this.#stopped = true;
    this.#probes.stop();
  }

  #diallerOf(chain: Chain, { exits, wayOut }: Leaving): ChainDialler {
    return exits ? { ...this.#dialler, outgoing: exits.pair(wayOut, this.#waysOut.get(chain)) } : this.#dialler;
  }

  #route({ name, policy, chains, probe, wayOut }: Upstream): Route {
    const { clock, emit } = this.#options;
    const told = (change: ChainChange) => {
      if (!this.#stopped) emit({ type: "upstream", upstream: name, ...change });
    };
    const all = chains.map((urls) => new Chain(parseHops(urls), told));
    for (const chain of all) {
      this.#probes.add(chain, probe);
      if (wayOut) this.#waysOut.set(chain, wayOut);
    }
    return new Route(name, policy, all, clock);
  }

  async #probe(chain: Chain, target: Address | undefined, limits: Limits): Promise<void> {
    this.#checkHops(chain);
    const { hops } = chain;
    const { wire } = await openChain(
      this.#diallerOf(chain, this.#options),
      hops,
      limits,
      (wire): Promise<unknown> => target ? converse(wire, hops, Command.Connect, target) : passThrough(wire, hops),
    );
    wire.socket.close();
  }

  /** Checks the first gateway once its address is known; of the others, the addresses that mean the same everywhere. */
  #checkHops({ hops }: Chain): void {
    for (const { address } of hops.slice(1)) {
      const octets = parseIp(address.host);
      if (octets && !closedKind(octets)) this.#checkHop(address);
    }
  }

  #checkHop(addr: SocketAddr): void {
    if (!isOwnListener(this.#options, addr)) return;
    throw new NetError("other", `Cannot go through ${addr.host} port ${addr.port}: that is this gateway itself`);
  }
}

/** The unnamed upstream of a rule. */
function inline(via: readonly string[]): Upstream {
  return { name: parseHops(via).map(hopText).join(" > "), policy: "in-order", chains: [via], probe: undefined };
}
