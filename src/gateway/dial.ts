import { type Address, addressText, ipAddress } from "../protocol/address.ts";
import { AddressType } from "../protocol/codes.ts";
import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Net, Socket } from "../net/socket.ts";
import type { Resolver } from "../dns/resolver.ts";
import { mostSpecific } from "./reply.ts";
import type { FamilyChoice, Verdict } from "./rules/rule.ts";
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
 * The addresses of `destination` that the ruleset lets pass, in the order to try them: the families take turns
 * (RFC 8305 s4), beginning with the one that the first's rule prefers. Rejects with NetError, or with Refusal where none
 * may pass.
 */
export async function judgedAddresses(
  { resolver, judge }: Pick<Dialler, "resolver" | "judge">,
  destination: Address,
  cut?: Cut,
): Promise<readonly Address[]> {
  if (destination.type !== AddressType.DomainName) {
    const verdict = judge.address(destination);
    if (!verdict.allowed) throw refusal(verdict);
    refuseVia(verdict);
    return [destination];
  }
  const { host: name, port } = destination;
  const early = judge.name(name, port);
  if (early?.allowed === false) throw refusal(early);
  const open: Address[] = [];
  let first: Verdict | undefined, refused: Verdict | undefined;
  for (const host of await resolver.resolve(name, cut)) {
    const address = ipAddress(host, port)!;
    const verdict = judge.address(address, name);
    if (verdict.allowed) {
      first ??= verdict;
      open.push(address);
    } else refused ??= verdict;
  }
  if (!first && refused) throw refusal(refused);
  if (first) refuseVia(first);
  return alternating(open, first?.family);
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

/** The families take turns; the one that is preferred leads, else that of the first address. */
function alternating(addresses: readonly Address[], family: FamilyChoice | undefined): readonly Address[] {
  if (addresses.length < 2) return addresses;
  const lead = family?.startsWith("prefer-")
    ? family === "prefer-ipv6" ? AddressType.IPv6 : AddressType.IPv4
    : addresses[0]!.type;
  const first = addresses.filter(({ type }) => type === lead);
  const second = addresses.filter(({ type }) => type !== lead);
  return first.flatMap((one, i) => i < second.length ? [one, second[i]!] : [one]).concat(second.slice(first.length));
}

/** The place for upstreams: until they are dialled, nothing that was to go through one goes directly. */
function refuseVia({ via, rule }: Verdict): void {
  if (via) throw new NetError("other", `Cannot go through an upstream: not served yet (${rule})`);
}
