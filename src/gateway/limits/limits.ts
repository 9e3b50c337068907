import { household } from "../../protocol/ip/household.ts";
import type { Clock } from "../../net/clock.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { TurnedAway } from "../../events.ts";
import { Shares } from "./shares.ts";
import type { Budget, GatewaySettings } from "../settings.ts";
import type { Counters } from "./counters.ts";

const SECOND_MS = 1_000;

/** What one client has of all sessions, where nobody says: more than an office of 70 browsers holds open, 32 connections each. */
const SHARE = 1 / 4, LEAST_SHARE = 64;

/** How much of the gateway one client, or one user, may have. A client is an IPv4 address or an IPv6 /64. */
export class Limits {
  readonly #counters: Counters;
  readonly #settings: GatewaySettings;
  readonly #clock: Clock;
  readonly #capacity: number;

  /** `capacity` is how many sessions the system has descriptors for. */
  constructor(counters: Counters, settings: GatewaySettings, clock: Clock, capacity = Infinity) {
    this.#capacity = capacity;
    this.#counters = counters;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Lets a connection of `client` in, which leave() is told of when it ends; or says why not. */
  enter(addr: SocketAddr): TurnedAway | undefined {
    const { maxSessions, maxRate } = this.#settings;
    const client = household(addr.host);
    if (maxRate !== undefined && this.#counters.tally(`rate ${client}`, SECOND_MS, this.#clock.now()) > maxRate) {
      return "too-many-connections";
    }
    if (!this.#counters.hold("sessions", maxSessions)) return "too-many-sessions";
    const bound = this.#bound(addr);
    if (bound === undefined || this.#counters.hold(`client ${client}`, bound)) return undefined;
    this.#counters.release("sessions");
    return "too-many-sessions-of-client";
  }

  /** Whether one more connection may wait to say whose it is, which waited() is told of. */
  wait(): boolean {
    return this.#counters.hold("waiting", this.#settings.maxSessions);
  }

  waited(): void {
    this.#counters.release("waiting");
  }

  leave(addr: SocketAddr): void {
    this.#counters.release("sessions");
    if (this.#bound(addr) !== undefined) this.#counters.release(`client ${household(addr.host)}`);
  }

  /** How many sessions that client may have. Who comes from this machine may be a balancer, and stand for many. */
  #bound({ host }: SocketAddr): number | undefined {
    const { maxSessions, maxSessionsPerClient } = this.#settings;
    if (maxSessionsPerClient !== undefined) return maxSessionsPerClient;
    const local = host === "::1" || host.startsWith("127.");
    return local ? undefined : Math.max(LEAST_SHARE, Math.ceil(Math.min(maxSessions, this.#capacity) * SHARE));
  }

  /** Nothing yet of what a session shares with others. */
  shares(): Shares {
    return new Shares(this.#counters, this.#clock, this.#settings.sessionBandwidth);
  }
}

/** What all sessions of `username` have together. */
export function budgetOf(
  { maxSessionsPerUser: maxSessions, userBandwidth: bandwidth, userBudgets }: GatewaySettings,
  username: string,
): Budget {
  return {
    ...maxSessions !== undefined && { maxSessions },
    ...bandwidth !== undefined && { bandwidth },
    ...userBudgets.get(username),
  };
}
