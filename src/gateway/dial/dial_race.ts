import type { Address } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import type { Net, Socket } from "../../net/socket.ts";
import { alternating } from "./candidates.ts";
import type { PathMemory } from "./path_memory.ts";
import { mostSpecific } from "../reply.ts";
import type { WayOut } from "../way_out.ts";
import type { SessionExits } from "./exits.ts";

/** How long an attempt has a head start over the next (RFC 8305 s5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;

/** Failures that say nothing of an address where a way out was chosen: that cannot be gone. */
const ofExits: ReadonlySet<NetErrorKind> = new Set(["address-not-available", "permission-denied"]);

/** Addresses of one destination that are tried: each is a connection that somebody else pays for. */
const MAX_ATTEMPTS = 32;

export interface Racing {
  readonly net: Net;
  readonly clock: Clock;
  readonly paths: PathMemory;
  /** Undefined where the system chooses by what to leave. */
  readonly exits?: SessionExits | undefined;
}

/** An address that may be dialled, and by what its rule wants that. */
export interface DialAddress extends Address {
  readonly wayOut?: WayOut | undefined;
}

/** Connects to one address, and remembers what became of it. */
export async function connectTo({ net, clock, paths, exits }: Racing, address: DialAddress, cut: Cut): Promise<Socket> {
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

/**
 * Staggered attempts that race each other: the first connection wins, the others are called off (RFC 8305 s5). `more` are
 * addresses that are still being asked for.
 */
export function race(
  racing: Racing,
  addresses: readonly DialAddress[],
  more: Promise<readonly DialAddress[]> | undefined,
  cut: Cut,
): Promise<Socket> {
  const { clock, paths } = racing;
  return new Promise((resolve, reject) => {
    const losers = new Cut();
    const errors: unknown[] = [];
    /** When each began. */
    const running = new Map<DialAddress, number>();
    let begun = 0;
    let waiting = paths.order(addresses).slice(0, MAX_ATTEMPTS);
    let lead: AddressType | undefined;
    let over = false, awaited = more !== undefined;
    let startedAt = 0;
    let cancelNext = () => {}, release = () => {};
    const finish = () => {
      over = true;
      cancelNext();
      release();
    };
    const won = (address: Address, socket: Socket) => {
      if (over) return socket.close();
      finish();
      // Who had its head start and is silent still.
      const headStart = clock.now() - ATTEMPT_DELAY_MS;
      for (const [other, since] of running) if (other !== address && since <= headStart) paths.failed(other);
      losers.make();
      resolve(socket);
    };
    const lost = (address: Address, error: unknown) => {
      if (over) return;
      running.delete(address);
      errors.push(error);
      if (waiting.length > 0 && !cut.made) return attempt(); // no use in waiting for its head start
      giveUpAtEnd();
    };
    const giveUpAtEnd = () => {
      if (running.size > 0 || (awaited && !cut.made)) return;
      finish();
      reject(mostSpecific(errors));
    };
    const attempt = () => {
      cancelNext();
      const [address, ...others] = waiting as [DialAddress, ...DialAddress[]];
      waiting = others;
      begun++;
      lead = address.type === AddressType.IPv4 ? AddressType.IPv6 : AddressType.IPv4;
      running.set(address, startedAt = clock.now());
      startNextLater();
      connectTo(racing, address, losers).then((socket) => won(address, socket), (error) => lost(address, error));
    };
    const startNextLater = () => {
      const waitMs = Math.max(0, startedAt + ATTEMPT_DELAY_MS - clock.now());
      cancelNext = waiting.length > 0 ? clock.after(waitMs, attempt) : () => {};
    };
    void more?.then((late) => {
      awaited = false;
      if (over) return;
      const idle = waiting.length === 0;
      waiting = paths.order(alternating([...waiting, ...late], lead)).slice(0, MAX_ATTEMPTS - begun);
      if (waiting.length === 0) giveUpAtEnd();
      else if (running.size === 0) attempt();
      else if (idle) startNextLater();
    });
    release = cut.on(() => {
      losers.make();
      if (errors.length > 0) giveUpAtEnd(); // while the rest was waited for
    });
    attempt();
  });
}
