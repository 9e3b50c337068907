import { type Address, addressText } from "../protocol/address.ts";
import { AddressType } from "../protocol/codes.ts";
import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Net, Socket } from "../net/socket.ts";
import type { Resolver } from "../dns/resolver.ts";
import { candidates } from "./candidates.ts";
import { mostSpecific } from "./reply.ts";
import { Onward } from "./onward.ts";
import { type Judge, refusal } from "./ruleset.ts";

/** How long an attempt has a head start over the next (RFC 8305 s5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;

export interface Dialler {
  readonly net: Net;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly judge: Judge;
}

/**
 * The addresses of `destination` that the ruleset lets pass, in the order to try them. Rejects with NetError, with
 * Refusal where none may pass, or with Onward where it goes through an upstream.
 */
export async function judgedAddresses(
  { resolver, judge }: Pick<Dialler, "resolver" | "judge">,
  destination: Address,
  cut?: Cut,
): Promise<readonly Address[]> {
  const { type, host, port } = destination;
  const named = type === AddressType.DomainName;
  const early = named ? judge.name(host, port) : undefined;
  if (early) throw early.allowed ? new Onward(early, destination) : refusal(early);
  const all = candidates(judge, destination, named ? await resolver.resolve(host, cut) : [host]);
  const [first] = all;
  if (first?.verdict.allowed === false) throw refusal(first.verdict);
  if (first?.verdict.via) throw new Onward(first.verdict, first.address);
  return all.filter(({ verdict }) => verdict.allowed).map(({ address }) => address);
}

/** Connects to the first of `destination`'s addresses that answers, all within `deadlineMs`. Rejects as judgedAddresses() does. */
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
    return addresses.length === 1
      ? await dialler.net.connect(addresses[0]!, { cut: over })
      : await race(dialler, addresses, over);
  } catch (error) {
    if (late) throw new NetError("timed-out", `Cannot connect to ${what}: no answer within ${deadlineMs} ms`);
    throw error;
  } finally {
    cancel();
    release();
  }
}

/** Staggered attempts that race each other: the first connection wins, the others are called off (RFC 8305 s5). */
function race({ net, clock }: Dialler, addresses: readonly Address[], cut: Cut): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const losers = new Cut();
    const release = cut.on(() => losers.make());
    const errors: unknown[] = [];
    let started = 0, won = false;
    let cancelNext = () => {};
    const finish = () => {
      cancelNext();
      release();
    };
    const attempt = () => {
      cancelNext();
      const address = addresses[started++]!;
      if (started < addresses.length) cancelNext = clock.after(ATTEMPT_DELAY_MS, attempt);
      net.connect(address, { cut: losers }).then((socket) => {
        if (won) return socket.close();
        won = true;
        finish();
        losers.make();
        resolve(socket);
      }, (error) => {
        if (won) return;
        errors.push(error);
        if (started < addresses.length && !cut.made) return attempt(); // no use in waiting for its head start
        if (errors.length < started) return;
        finish();
        reject(mostSpecific(errors));
      });
    };
    attempt();
  });
}
