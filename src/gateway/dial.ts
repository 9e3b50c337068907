import { type Address, addressText } from "../protocol/address.ts";
import { AddressType } from "../protocol/codes.ts";
import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import { race } from "../net/race.ts";
import type { Net, Socket } from "../net/socket.ts";
import type { Resolver } from "../dns/resolver.ts";
import { candidates } from "./candidates.ts";
import type { Verdict } from "./rules/rule.ts";
import { type Judge, refusal } from "./ruleset.ts";

export interface Dialler {
  readonly net: Net;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly judge: Judge;
}

/**
 * The addresses of `destination` that the ruleset lets pass, in the order to try them. Rejects with NetError, or with
 * Refusal where none may pass.
 */
export async function judgedAddresses(
  { resolver, judge }: Pick<Dialler, "resolver" | "judge">,
  destination: Address,
  cut?: Cut,
): Promise<readonly Address[]> {
  const { type, host, port } = destination;
  const named = type === AddressType.DomainName;
  const early = named ? judge.name(host, port) : undefined;
  if (early?.allowed === false) throw refusal(early);
  const all = candidates(judge, destination, named ? await resolver.resolve(host, cut) : [host]);
  const [first] = all;
  if (first?.verdict.allowed === false) throw refusal(first.verdict);
  if (first?.verdict.via) throw viaNotServed(first.verdict);
  return all.filter(({ verdict }) => verdict.allowed).map(({ address }) => address);
}

/** Connects to the first of `destination`'s addresses that answers, all within `deadlineMs`. Rejects with NetError or Refusal. */
export async function dial(
  dialler: Dialler,
  destination: Address,
  deadlineMs: number,
  cut: Cut,
): Promise<Socket> {
  const what = addressText(destination);
  const over = new Cut();
  let late = false;
  const cancel = dialler.clock.after(deadlineMs, () => {
    late = true;
    over.make();
  });
  const release = cut.on(() => over.make());
  try {
    const addresses = await judgedAddresses(dialler, destination, over);
    return await race(dialler, addresses, over);
  } catch (error) {
    if (late) throw new NetError("timed-out", `Cannot connect to ${what}: no answer within ${deadlineMs} ms`);
    throw error;
  } finally {
    cancel();
    release();
  }
}

/** The place for upstreams: until they are dialled, nothing that was to go through one goes directly. */
function viaNotServed({ rule }: Verdict): NetError {
  return new NetError("other", `Cannot go through an upstream: not served yet (${rule})`);
}
