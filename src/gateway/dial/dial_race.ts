import type { Address } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { ATTEMPT_DELAY_MS, race } from "../../net/race.ts";
import type { Net, Socket } from "../../net/socket.ts";
import { alternating } from "./candidates.ts";
import type { PathMemory } from "./path_memory.ts";
import { mostSpecific } from "../reply.ts";
import type { GatewaySettings } from "../settings.ts";

/** Addresses of one destination that are tried: each is a connection that somebody else pays for. */
const MAX_ATTEMPTS = 32;

export interface Racing {
  readonly net: Net;
  readonly clock: Clock;
  readonly paths: PathMemory;
  readonly settings: Pick<GatewaySettings, "outgoing">;
}

/** Connects to one address, and remembers what became of it. */
async function connectTo(racing: Racing, address: Address, cut: Cut): Promise<Socket> {
  const { net, clock, paths } = racing;
  const startedAt = clock.now();
  try {
    const socket = await net.connect(address, { cut, localAddr: localAddr(racing, address) });
    paths.works(address);
    return socket;
  } catch (error) {
    paths.failed(address, cut.made && clock.now() - startedAt > 4 * ATTEMPT_DELAY_MS ? undefined : error);
    throw error;
  }
}

/** Connects to the first of `addresses` that answers. `more` are addresses that are still being asked for. */
export function connectToFirst(
  racing: Racing,
  addresses: readonly Address[],
  more: Promise<readonly Address[]> | undefined,
  cut: Cut,
): Promise<Socket> {
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

function localAddr({ settings: { outgoing } }: Racing, { type }: Address): string | undefined {
  return type === AddressType.IPv4 ? outgoing.ipv4 : outgoing.ipv6;
}
