import { type Address, addressText } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { Expiry } from "../../net/deadline.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import { ATTEMPT_DELAY_MS, race } from "../../net/race.ts";
import type { Net, Socket } from "../../net/socket.ts";
import { alternating } from "./family_order.ts";
import { waysTo } from "./nat64_discovery.ts";
import type { PathMemory } from "./path_memory.ts";
import { type DialAddress, judgedSoon, type Planner } from "./plan.ts";
import { mostSpecific } from "../reply.ts";
import { Onward } from "../rules/onward.ts";
import type { SessionExits } from "./exits.ts";

/** Failures of a chosen source address or interface, which say nothing about the destination address. */
const ofExits: ReadonlySet<NetErrorKind> = new Set(["address-not-available", "permission-denied"]);

/** Maximum addresses tried per destination: each attempt costs another host a connection. */
const MAX_ATTEMPTS = 32;

export interface Racing {
  readonly net: Net;
  readonly clock: Clock;
  readonly paths: PathMemory;
  /** Undefined if the system chooses the source. */
  readonly exits?: SessionExits | undefined;
}

export interface Dialler extends Planner, Racing {}

/**
 * Connects to the first of `destination`'s addresses that answers, all within `deadlineMs`; or returns the upstream to use. Rejects
 * with NetError, or with Refusal if no address is allowed.
 */
export async function dial(
  dialler: Dialler,
  destination: Address,
  deadlineMs: number,
  cut: Cut,
): Promise<Socket | Onward> {
  const { clock, nat64 } = dialler;
  const expiry = new Expiry(clock, { deadlineMs, cut });
  const { over } = expiry;
  try {
    const soon = judgedSoon(dialler, destination, over);
    const judged = soon instanceof Promise ? await soon : soon;
    if (judged instanceof Onward) return judged;
    const { addresses, more } = judged;
    if (!nat64?.mayTranslate) return await connectToFirst(dialler, addresses, more, over);
    const ways = await waysTo(nat64, addresses);
    return await connectToFirst(dialler, ways, more?.then((late) => waysTo(nat64, late)), over);
  } catch (error) {
    throw expiry.told(error, () => `connect to ${addressText(destination)}`);
  } finally {
    expiry.release();
  }
}

/** Connects to one address, and remembers the outcome. */
async function connectTo({ net, clock, paths, exits }: Racing, address: DialAddress, cut: Cut): Promise<Socket> {
  const startedAt = clock.now();
  const exit = exits?.towards(address.host, address.wayOut);
  try {
    const socket = await net.connect(address, exit ? { ...exit, cut } : { cut });
    paths.works(address);
    return socket;
  } catch (error) {
    if (exit && error instanceof NetError && ofExits.has(error.kind)) throw error;
    paths.failed(address, cut.made && clock.now() - startedAt > 4 * ATTEMPT_DELAY_MS ? undefined : error);
    throw error;
  }
}

/** Connects to the first of `addresses` that answers. `more` are addresses still being resolved. */
function connectToFirst(
  racing: Racing,
  addresses: readonly DialAddress[],
  more: Promise<readonly DialAddress[]> | undefined,
  cut: Cut,
): Promise<Socket> {
  if (addresses.length === 1 && !more) return connectTo(racing, addresses[0]!, cut);
  const { clock, paths } = racing;
  return race({
    clock,
    addrs: paths.order(addresses).slice(0, MAX_ATTEMPTS),
    late: more && {
      addrs: more,
      among: (waiting, late, tried) =>
        paths.order(alternating([...waiting, ...late], otherThan(tried.at(-1)))).slice(0, MAX_ATTEMPTS - tried.length),
    },
    cut,
    connect: (address, cut) => connectTo(racing, address, cut),
    overtaken: (address) => paths.failed(address),
    failure: mostSpecific,
  });
}

function otherThan(address: Address | undefined): AddressType | undefined {
  return address && (address.type === AddressType.IPv4 ? AddressType.IPv6 : AddressType.IPv4);
}
