import { type Address, addressText, ipAddress } from "../protocol/address.ts";
import { AddressType } from "../protocol/codes.ts";
import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Net, Socket } from "../net/socket.ts";
import type { Resolver } from "../dns/resolver.ts";
import { mostSpecific } from "./reply.ts";
import type { Ruleset } from "./ruleset.ts";

/** How long an attempt has a head start over the next (RFC 8305 s5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;

export interface Dialler {
  readonly net: Net;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly ruleset: Ruleset;
}

/**
 * The addresses of `destination` that the ruleset lets pass, in the order to try them: the families take turns
 * (RFC 8305 s4). Rejects with NetError, or with Refusal where none may pass.
 */
export async function judgedAddresses(
  { resolver, ruleset }: Pick<Dialler, "resolver" | "ruleset">,
  destination: Address,
  cut?: Cut,
): Promise<readonly Address[]> {
  const named = destination.type === AddressType.DomainName;
  const hosts = named ? alternating(await resolver.resolve(destination.host, cut)) : [destination.host];
  const open: Address[] = [];
  let refusal;
  for (const host of hosts) {
    const address = ipAddress(host, destination.port)!;
    const refused = ruleset.judge(address);
    if (refused) refusal ??= refused;
    else open.push(address);
  }
  if (open.length === 0 && refusal) throw refusal;
  return open;
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

/** The first address leads; its family and the other take turns. */
function alternating(hosts: readonly string[]): readonly string[] {
  const six = (host: string) => host.includes(":");
  const first = hosts.filter((host) => six(host) === six(hosts[0]!));
  const second = hosts.filter((host) => six(host) !== six(hosts[0]!));
  return first.flatMap((host, i) => i < second.length ? [host, second[i]!] : [host]).concat(second.slice(first.length));
}
