import { type Address, ipAddress } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import type { Net } from "../../net/socket.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { alternating, preferredType } from "./family_order.ts";
import type { Nat64 } from "./nat64_discovery.ts";
import type { PathMemory } from "./path_memory.ts";
import { Onward } from "../rules/onward.ts";
import type { Verdict } from "../rules/rule.ts";
import { type Judge, refusal } from "../rules/ruleset.ts";
import type { WayOut } from "../way_out.ts";

/** How long to wait for the preferred family once the other is known (RFC 8305 s3, "Resolution Delay"). */
const RESOLUTION_DELAY_MS = 50;

/** What is needed to resolve and reach any destination. */
export interface Reach {
  /** The sockets: `await openNet()`. */
  readonly net: Net;
  /** The time: `systemClock`. */
  readonly clock: Clock;
  /** The names: `systemResolver()`. */
  readonly resolver: Resolver;
  /** Undefined if addresses are dialled unchanged. */
  readonly nat64?: Nat64 | undefined;
}

/** What is needed to resolve and judge one destination. */
export interface Planner extends Reach {
  readonly paths: PathMemory;
  readonly judge: Judge;
  /** The asker for whom names are resolved. */
  readonly asker: Asker;
}

/** An address of a destination, and the ruleset's verdict. */
export interface Candidate {
  readonly address: Address;
  readonly verdict: Verdict;
}

/** An address that may be dialled, and the source that its rule sets. */
export interface DialAddress extends Address {
  readonly wayOut?: WayOut | undefined;
}

/** Judged addresses, in the order to try them. */
export interface Judged {
  readonly addresses: readonly DialAddress[];
  /** Those still being resolved. */
  readonly more?: Promise<readonly DialAddress[]>;
}

/**
 * The addresses of `destination` that the ruleset allows, in the order to try them; or the upstream to use instead. Rejects
 * with NetError, or with Refusal if none is allowed.
 */
export async function judgedAddresses(
  { resolver, judge, asker }: Planner,
  destination: Address,
  cut?: Cut,
): Promise<readonly DialAddress[] | Onward> {
  const onward = judgedEarly(judge, destination);
  if (onward) return onward;
  const hosts = isNamed(destination) ? await resolver.resolve(destination.host, cut, asker) : [destination.host];
  return passing(judge, candidates(judge, destination, hosts));
}

/**
 * The same as soon as the first addresses are known: those of the preferred family, or any after a short delay. Returned
 * directly, without a promise, if the destination is an address.
 */
export function judgedSoon(
  planner: Planner,
  destination: Address,
  cut: Cut,
): Judged | Onward | Promise<Judged | Onward> {
  if (isNamed(destination)) return judgedName(planner, destination, cut);
  const { judge, nat64 } = planner;
  const prefixes = destination.type === AddressType.IPv6 ? nat64?.askedOnce() : undefined;
  const judged = () => plan(judge, [{ address: destination, verdict: judge.address(destination) }]);
  return prefixes ? prefixes.then(judged) : judged();
}

async function judgedName(planner: Planner, destination: Address, cut: Cut): Promise<Judged | Onward> {
  const { resolver, judge, asker, clock, nat64 } = planner;
  const onward = judgedEarly(judge, destination);
  if (onward) return onward;
  const prefixes = nat64?.askedOnce();
  if (prefixes) await prefixes;
  const { hosts, all } = await resolver.first(destination.host, cut, asker);
  const first = candidates(judge, destination, hosts);
  if (!all) return plan(judge, first);
  const [{ address, verdict }] = first as [Candidate];
  const useful = verdict.allowed && address.type === leading(planner, verdict);
  const waitMs = useful ? 0 : verdict.allowed ? RESOLUTION_DELAY_MS : Infinity;
  const every = await within(clock, all, waitMs, cut);
  if (every) return plan(judge, candidates(judge, destination, every));
  const addresses = passing(judge, first);
  if (addresses instanceof Onward) return addresses;
  const more = all.then((every) => {
    const late = every.filter((host) => !hosts.includes(host));
    return allowed(candidates(judge, destination, late));
  });
  return { addresses, more };
}

/**
 * The judged `hosts` of `destination`: first those that may be dialled, in the order to try them, then those
 * that may not. The families alternate (RFC 8305 s4), beginning with the one that the first address's rule prefers.
 */
export function candidates(judge: Judge, destination: Address, hosts: readonly string[]): readonly Candidate[] {
  const name = isNamed(destination) ? destination.host : undefined;
  const open: Candidate[] = [], refused: Candidate[] = [];
  for (const host of hosts) {
    const address = ipAddress(host, destination.port)!;
    const verdict = judge.address(address, name);
    (verdict.allowed ? open : refused).push({ address, verdict });
  }
  const preferred = preferredType(open[0]?.verdict.family);
  return [...alternating(open, preferred, ({ address }) => address.type), ...refused];
}

function isNamed({ type }: Address): boolean {
  return type === AddressType.DomainName;
}

/** The upstream, if that is certain before the name is resolved. Throws Refusal. */
function judgedEarly(judge: Judge, destination: Address): Onward | undefined {
  const early = isNamed(destination) ? judge.name(destination.host, destination.port) : undefined;
  if (!early) return undefined;
  if (!early.allowed) throw refusal(early);
  judge.admit(early);
  return new Onward(early, destination);
}

/** The upstream, if `all` contains every address of the destination. Throws Refusal. */
function plan(judge: Judge, all: readonly Candidate[]): Judged | Onward {
  const addresses = passing(judge, all);
  return addresses instanceof Onward ? addresses : { addresses };
}

/** Those that may be dialled, at least one; or the upstream of the first. Throws Refusal. */
function passing(judge: Judge, all: readonly Candidate[]): readonly DialAddress[] | Onward {
  const [first] = all;
  if (first?.verdict.allowed === false) throw refusal(first.verdict);
  if (first) judge.admit(first.verdict);
  if (first?.verdict.via) return new Onward(first.verdict, first.address);
  return allowed(all);
}

/** Those to dial from here. */
function allowed(all: readonly Candidate[]): readonly DialAddress[] {
  return all.filter(({ verdict }) => verdict.allowed && !verdict.via).map(dialled);
}

/** The address itself if its rule sets no source. */
export function dialled({ address, verdict: { wayOut } }: Candidate): DialAddress {
  return wayOut ? { ...address, wayOut } : address;
}

/** The family to try first: the one that the rule prefers, else IPv6 (RFC 8305 s3), unless it failed lately. */
function leading({ paths }: Planner, { family }: Verdict): AddressType {
  return preferredType(family) ?? (paths.isDown(AddressType.IPv6) ? AddressType.IPv4 : AddressType.IPv6);
}

/** The result of `promise`, if it comes within `ms` and before the cut. */
function within<T>(clock: Clock, promise: Promise<T>, ms: number, cut: Cut): Promise<T | undefined> {
  if (ms === 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const cancel = ms < Infinity ? clock.after(ms, () => resolve(undefined)) : () => {};
    const release = cut.on(() => resolve(undefined));
    void promise.then(resolve).finally(() => {
      cancel();
      release();
    });
  });
}
