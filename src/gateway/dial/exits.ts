import type { Exit, OwnConnection } from "../../net/socket.ts";
import type { GatewaySettings } from "../settings.ts";
import { addressFor, type Leaver } from "./prefix_address.ts";
import { isPrefix, merged, type SaidWay, saysSomething, type Source, type WayOut } from "../way_out.ts";

/** The source of each family; undefined if the system chooses. */
export interface ExitPair {
  readonly ipv4: Exit | undefined;
  readonly ipv6: Exit | undefined;
}

export interface ExitsOptions {
  readonly settings: Pick<GatewaySettings, "outgoing" | "outgoingPer" | "usersWaysOut">;
  /** True if rules or upstreams set a source. */
  readonly others: boolean;
  /** Secret that keeps addresses from identifying a user or client; a lasting secret keeps the addresses stable. */
  readonly key: string;
}

/** The sources of sessions' connections: set by the rule, else the user, else the listener, else the global setting. */
export class Exits {
  readonly #options: ExitsOptions;
  readonly #common: WayOut | undefined;

  constructor(options: ExitsOptions) {
    const { outgoing, outgoingPer: per } = options.settings;
    this.#options = options;
    this.#common = saysSomething(outgoing) ? { ...outgoing, per } : undefined;
  }

  /** The sources of one session; undefined if none is set, so that dialling costs nothing more. `own` is its client's. */
  of(leaver: Leaver, listener: WayOut | undefined, own?: OwnConnection): SessionExits | undefined {
    const { others, key, settings: { usersWaysOut } } = this.#options;
    const user = leaver.username === undefined ? undefined : usersWaysOut.get(leaver.username);
    if (!others && !this.#common && !user && !listener && !own) return undefined;
    return new SessionExits([user, listener, this.#common], leaver, key, own);
  }
}

/**
 * The sources of one session: the same as long as it lasts.
 * @internal
 */
export class SessionExits {
  readonly #places: readonly (WayOut | undefined)[];
  readonly #leaver: Leaver;
  readonly #key: string;
  readonly #own: OwnConnection | undefined;
  readonly #pairs = new Map<WayOut | undefined, Map<WayOut | undefined, ExitPair>>();
  /** By their text, so that equal ones are one object. */
  readonly #exits = new Map<string, Exit>();
  /** Of each prefix. */
  readonly #taken = new Map<string, string>();

  /** `places` are the settings behind the rule's, nearest first. */
  constructor(places: readonly (WayOut | undefined)[], leaver: Leaver, key: string, own?: OwnConnection) {
    this.#places = places;
    this.#leaver = leaver;
    this.#key = key;
    this.#own = own;
  }

  /** The source for connections by that rule; `upstream` takes precedence on the way to its first gateway. */
  said(rule: WayOut | undefined, upstream?: WayOut): SaidWay {
    return merged([upstream, rule, ...this.#places]);
  }

  pair(rule: WayOut | undefined, upstream?: WayOut): ExitPair {
    let byUpstream = this.#pairs.get(rule);
    if (!byUpstream) this.#pairs.set(rule, byUpstream = new Map());
    let pair = byUpstream.get(upstream);
    if (!pair) {
      const said = this.said(rule, upstream);
      byUpstream.set(upstream, pair = { ipv4: this.#exit(said, "ipv4"), ipv6: this.#exit(said, "ipv6") });
    }
    return pair;
  }

  /** Towards `host`, an address. */
  towards(host: string, rule: WayOut | undefined): Exit | undefined {
    const { ipv4, ipv6 } = this.pair(rule);
    return host.includes(":") ? ipv6 : ipv4;
  }

  #exit({ device, mark, ...sources }: SaidWay, family: keyof ExitPair): Exit | undefined {
    const source = sources[family];
    if (!source && device === undefined && mark === undefined) return this.#own && { own: this.#own };
    const freeBind = source && isPrefix(source.text) || undefined;
    const localAddr = source && this.#address(source);
    const key = [family, localAddr, freeBind, device, mark].join(" ");
    let exit = this.#exits.get(key);
    if (!exit) this.#exits.set(key, exit = { localAddr, freeBind, device, mark });
    return exit;
  }

  #address(source: Source): string {
    if (!isPrefix(source.text)) return source.text;
    const key = `${source.per} ${source.text}`;
    let address = this.#taken.get(key);
    if (address === undefined) this.#taken.set(key, address = addressFor(source, this.#leaver, this.#key));
    return address;
  }
}
