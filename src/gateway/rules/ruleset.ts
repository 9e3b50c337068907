import { type Address, addressText, foldName, octetsAddress, parseIp } from "../../protocol/address.ts";
import { Command, Reply } from "../../protocol/codes.ts";
import { embeddedIpv4s } from "../../protocol/ip/embedded_ipv4.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import { PrefixMap } from "../../protocol/ip/prefix_map.ts";
import { relayType } from "../../events.ts";
import { Refusal } from "./refusal.ts";
import { closedKind } from "../../protocol/ip/closed_addresses.ts";
import { isOwnListener, type OwnAddrs } from "./own_listeners.ts";
import { Openings } from "./openings.ts";
import { type PackedRules, packRules, ruleName } from "./packed_rules.ts";
import type { Asker, FamilyChoice, Rule, Verdict } from "./rule.ts";
import { RuleHits } from "./rule_hits.ts";
import { type Party, RuleIndex } from "./rule_index.ts";

/** What a ruleset is made of. */
export interface RulesetOptions extends OwnAddrs {
  /** In order; the built-in rules follow the last. */
  readonly rules?: readonly Rule[] | PackedRules;
  /** Destinations opened against the defaults. */
  readonly allow: readonly Prefix[];
  /** The IPv4 octets in an IPv6 address of this network's NAT64 prefix. */
  readonly meant?: ((ipv6: Uint8Array) => Uint8Array | undefined) | undefined;
  /** The address family to dial, unless a rule sets it. */
  readonly family?: FamilyChoice | undefined;
  /** The action if nothing else decides. */
  readonly otherwise?: "allow" | "deny" | undefined;
}

/** The verdict for a request by name that no rule with `names` allows. */
const notByName: Verdict = { allowed: false, rule: "no rule allows this name" };

/**
 * Decides by the first matching rule. Behind the configured rules follow the openings of `allow`, the addresses that are
 * closed by default and the own listeners; then everything is allowed, or denied if `otherwise` says so.
 */
export class Ruleset {
  readonly #options: RulesetOptions;
  readonly #names: SharedArrayBuffer;
  readonly #hits: RuleHits;
  readonly #index: RuleIndex;
  readonly #openByAddress: Openings;
  readonly #openByDestination: Openings;
  readonly #allow: PrefixMap<true>;
  readonly #last: Verdict;
  readonly #allowed: Verdict;
  /** One verdict per rule that has matched, made once. */
  readonly #verdicts = new Map<number, Verdict>();

  /** Rules are compiled here, once. */
  constructor(options: RulesetOptions) {
    this.#options = options;
    const rules = options.rules && "index" in options.rules ? options.rules : packRules(options.rules ?? []);
    this.#names = rules.names;
    this.#hits = new RuleHits(rules.hits);
    this.#index = new RuleIndex(rules.index);
    this.#openByAddress = new Openings(rules.byAddress);
    this.#openByDestination = new Openings(rules.byDestination);
    this.#allow = new PrefixMap(options.allow.map((prefix) => [prefix, true]));
    this.#last = options.otherwise === "deny"
      ? { allowed: false, rule: "denied by default" }
      : { allowed: true, rule: "open by default", family: options.family };
    this.#allowed = { allowed: true, rule: "--allow", family: options.family };
  }

  /** True if there are configured rules. */
  get hasRules(): boolean {
    return this.#index.count > 0;
  }

  /** True if any rule sets a source. */
  get saysWaysOut(): boolean {
    return this.#index.saysWaysOut;
  }

  /**
   * The ruleset for one client; `admit` throws Refusal if its rule's limits are reached.
   * @internal
   */
  judgeFor(asker: Asker, admit?: (verdict: Verdict) => void): Judge {
    return new Judge(this, asker, admit);
  }

  /**
   * The IPv4 octets embedded in `ipv6`; several if there are several readings.
   * @internal
   */
  carried(ipv6: Uint8Array): readonly Uint8Array[] {
    const meant = this.#options.meant?.(ipv6);
    return meant ? [meant] : embeddedIpv4s(ipv6);
  }

  /**
   * The verdict that is certain for a partly known destination: refused, or through an upstream.
   * @internal
   */
  judgeEarly(party: Party, host?: string, port?: number): Verdict | undefined {
    if (!this.hasRules) return party.byName ? notByName : this.#lastEarly(Infinity);
    const name = host === undefined ? undefined : foldName(host);
    const question = { party, name, port, octets: undefined, relay: undefined, opens: undefined };
    const number = this.#index.firstNumber(question);
    const openings = name === undefined ? this.#openByDestination : this.#openByAddress;
    if (number === Infinity) {
      const opening = openings.firstNumber(question);
      if (party.byName) return name === undefined || opening < Infinity ? undefined : notByName;
      return this.#lastEarly(opening);
    }
    const { action, via } = this.#index.shape(number);
    if (action === "allow") return via && !(name && isLocalhost(name)) ? this.#verdict(number) : undefined;
    return openings.firstNumber(question) < number ? undefined : this.#verdict(number);
  }

  /** The last verdict, if it is a refusal that neither the rule numbered `opening` nor --allow can prevent. */
  #lastEarly(opening: number): Verdict | undefined {
    const open = this.#last.allowed || opening < Infinity || this.#options.allow.length > 0;
    return open ? undefined : this.#last;
  }

  /**
   * Judges `octets`, which are `asked` or embedded in it.
   * @internal
   */
  judgeForm(party: Party, name: string | undefined, octets: Uint8Array, asked: Address): Verdict {
    const { host, port } = asked;
    const four = octets.length === 4;
    const kind = closedKind(octets);
    const own = isOwnListener(this.#options, four === host.includes(":") ? octetsAddress(octets, port) : asked);
    const closed = (): Verdict => ({
      allowed: false,
      rule: own ? `own listener ${addressText(asked)}` : `${kind} destination ${host}`,
    });
    // A request without a destination of its own would return here, in a loop.
    if (own && (party.byName || party.command === Command.Forward)) return closed();
    if (this.hasRules) {
      const number = this.#index.firstNumber({
        party,
        name: name === undefined ? undefined : foldName(name),
        port,
        octets,
        relay: relayType(party.client, { host: four ? "" : ":" }),
        opens: own ? "alone" : kind ? "to" : undefined, // to open all of 127.0.0.0/8 is not to open the admin endpoint
      });
      if (number < Infinity) return this.#verdict(number);
    }
    if (party.byName) return kind ? closed() : notByName;
    const opened = this.#allow.find(octets) !== undefined;
    const alone = () => this.#options.allow.some((prefix) => prefix.single && prefix.contains(octets));
    if (opened && (!own || alone())) return this.#allowed;
    return own || (kind && !opened) ? closed() : this.#last;
  }

  #verdict(number: number): Verdict {
    let verdict = this.#verdicts.get(number);
    if (!verdict) {
      const { action, family = this.#options.family, via, budget, wayOut } = this.#index.shape(number);
      const rule = ruleName(this.#names, this.#index.count, number);
      const hit = () => this.#hits.add(number);
      verdict = { allowed: action === "allow", rule, family, via, wayOut, hit, ...budget && { budget } };
      this.#verdicts.set(number, verdict);
    }
    return verdict;
  }
}

/** The ruleset for one client and one command. Cheap to make and to use. */
export class Judge {
  readonly #ruleset: Ruleset;
  readonly #party: Party;
  readonly #admit: ((verdict: Verdict) => void) | undefined;

  constructor(ruleset: Ruleset, asker: Asker, admit?: (verdict: Verdict) => void) {
    this.#ruleset = ruleset;
    this.#admit = admit;
    const { client, username, command, listener, byName } = asker;
    const octets = ruleset.hasRules ? parseIp(client.host) : undefined;
    this.#party = { client, username, command, listener, byName, octets };
  }

  /** Counts the use of `verdict`'s rule. Throws Refusal if its limits are reached. */
  admit(verdict: Verdict): void {
    verdict.hit?.();
    this.#admit?.(verdict);
  }

  /** The refusal of the command, if no destination can be allowed. */
  command(): Verdict | undefined {
    const verdict = this.anywhere();
    return verdict?.allowed ? undefined : verdict;
  }

  /** The certain verdict for an unknown destination: refused, or through an upstream; else undefined. */
  anywhere(): Verdict | undefined {
    return this.#ruleset.judgeEarly(this.#party);
  }

  /** The certain verdict before the name is resolved: refused, or through an upstream; else undefined. */
  name(name: string, port: number): Verdict | undefined {
    return this.#ruleset.judgeEarly(this.#party, name, port);
  }

  /**
   * Judges an IP address, and an embedded IPv4 address as if it had been requested: both must be allowed. `name`
   * is the requested name, if it was not a literal.
   */
  address(address: Address, name?: string): Verdict {
    const octets = parseIp(address.host);
    if (!octets) throw new TypeError(`Cannot judge '${address.host}': not an address`);
    const verdict = only(this.#ruleset.judgeForm(this.#party, name, octets, address), octets.length);
    if (!verdict.allowed || octets.length !== 16) return verdict;
    for (const embedded of this.#ruleset.carried(octets)) {
      const inner = this.#ruleset.judgeForm(this.#party, name, embedded, address);
      if (!inner.allowed) return inner;
    }
    return verdict;
  }
}

/** The refusal that a verdict which lets nothing pass comes to; its rule counts that. */
export function refusal({ rule, hit }: Verdict): Refusal {
  hit?.();
  return new Refusal(Reply.NotAllowed, rule);
}

/** Names that mean this machine to any resolver (RFC 6761 s6.3): an upstream would resolve them to itself. */
function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/** A rule for one family refuses the other. */
function only(verdict: Verdict, size: number): Verdict {
  const refused = verdict.family === (size === 4 ? "only-ipv6" : "only-ipv4");
  return refused ? { ...verdict, allowed: false, rule: `${verdict.rule}: ${verdict.family}` } : verdict;
}
