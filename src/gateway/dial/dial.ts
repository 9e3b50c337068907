import { type Address, addressText } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { withDeadline } from "../../net/deadline.ts";
import type { Net, Socket } from "../../net/socket.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { type Candidate, candidates, preferredType } from "./candidates.ts";
import { type Nat64, waysTo } from "./nat64_discovery.ts";
import { Onward } from "../rules/onward.ts";
import { connectToFirst, type DialAddress, type Racing } from "./dial_race.ts";
import type { Verdict } from "../rules/rule.ts";
import { type Judge, refusal } from "../rules/ruleset.ts";

/** How long the family that leads is waited for when the other is known (RFC 8305 s3, "Resolution Delay"). */
const RESOLUTION_DELAY_MS = 50;

/** What destinations are found and reached with, whoever's they are. */
export interface Reach {
  readonly net: Net;
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** Undefined where addresses are dialled as they are. */
  readonly nat64?: Nat64 | undefined;
}

export interface Dialler extends Reach, Racing {
  readonly judge: Judge;
  /** On whose account names are asked for. */
  readonly asker: Asker;
}

/** Judged addresses, in the order to try them. */
export interface Judged {
  readonly addresses: readonly DialAddress[];
  /** Those that are still being asked for. */
  readonly more?: Promise<readonly DialAddress[]>;
}

/**
 * The addresses of `destination` that the ruleset lets pass, in the order to try them. Rejects with NetError, with
 * Refusal where none may pass, or with Onward where it goes through an upstream.
 */
export async function judgedAddresses(
  { resolver, judge, asker }: Dialler,
  destination: Address,
  cut?: Cut,
): Promise<readonly DialAddress[]> {
  refuseEarly(judge, destination);
  return passing(
    judge,
    destination,
    isNamed(destination) ? await resolver.resolve(destination.host, cut, asker) : [destination.host],
  );
}

/** The same as soon as there is something to begin with: the family that leads, or any after a short delay. */
export async function judgedSoon(dialler: Dialler, destination: Address, cut: Cut): Promise<Judged> {
  const { resolver, judge, asker, clock, nat64 } = dialler;
  refuseEarly(judge, destination);
  if (destination.type !== AddressType.IPv4) await nat64?.askedOnce();
  if (!isNamed(destination)) return { addresses: passing(judge, destination, [destination.host]) };
  const { hosts, all } = await resolver.first(destination.host, cut, asker);
  if (!all) return { addresses: passing(judge, destination, hosts) };
  const [{ address, verdict }] = candidates(judge, destination, hosts) as [Candidate];
  const useful = verdict.allowed && address.type === leading(dialler, verdict);
  const waitMs = useful ? 0 : verdict.allowed ? RESOLUTION_DELAY_MS : Infinity;
  const known = await within(clock, all, waitMs, cut) ?? hosts;
  const addresses = passing(judge, destination, known);
  if (known !== hosts) return { addresses };
  const more = all.then((every) => {
    const late = every.filter((host) => !hosts.includes(host));
    return allowed(candidates(judge, destination, late));
  });
  return { addresses, more };
}

/** Connects to the first of `destination`'s addresses that answers, all within `deadlineMs`. Rejects as judgedAddresses() does. */
export async function dial(
  dialler: Dialler,
  destination: Address,
  deadlineMs: number,
  cut: Cut,
): Promise<Socket> {
  const limits = { deadlineMs, cut };
  return await withDeadline(dialler.clock, limits, `connect to ${addressText(destination)}`, async (over) => {
    const judged = await judgedSoon(dialler, destination, over);
    const addresses = await waysTo(dialler.nat64, judged.addresses);
    const more = judged.more?.then((late) => waysTo(dialler.nat64, late));
    return await connectToFirst(dialler, addresses, more, over);
  });
}

function isNamed({ type }: Address): boolean {
  return type === AddressType.DomainName;
}

/** What is certain before the name is resolved. Throws Refusal, or Onward. */
function refuseEarly(judge: Judge, destination: Address): void {
  const early = isNamed(destination) ? judge.name(destination.host, destination.port) : undefined;
  if (!early) return;
  if (!early.allowed) throw refusal(early);
  judge.admit(early);
  throw new Onward(early, destination);
}

/** Those of `hosts` that may be dialled; at least one. Throws Refusal, or Onward. */
function passing(judge: Judge, destination: Address, hosts: readonly string[]): readonly DialAddress[] {
  const all = candidates(judge, destination, hosts);
  const [first] = all;
  if (first?.verdict.allowed === false) throw refusal(first.verdict);
  if (first) judge.admit(first.verdict);
  if (first?.verdict.via) throw new Onward(first.verdict, first.address);
  return allowed(all);
}

/** Those to dial from here. */
function allowed(all: readonly Candidate[]): readonly DialAddress[] {
  return all.filter(({ verdict }) => verdict.allowed && !verdict.via).map(dialled);
}

/** Itself where its rule says nothing of how to leave. */
export function dialled({ address, verdict: { wayOut } }: Candidate): DialAddress {
  return wayOut ? { ...address, wayOut } : address;
}

/** The family that leads: what the rule prefers, else IPv6 (RFC 8305 s3), unless it failed lately. */
function leading({ paths }: Dialler, { family }: Verdict): AddressType {
  return preferredType(family) ?? (paths.isDown(AddressType.IPv6) ? AddressType.IPv4 : AddressType.IPv6);
}

/** What `promise` comes to, where it does within `ms` and before the cut. */
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
