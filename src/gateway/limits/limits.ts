import { household } from "../../protocol/ip/household.ts";
import type { Clock } from "../../net/clock.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { TurnedAway } from "../../events.ts";
import { Shares } from "./shares.ts";
import type { Budget, GatewaySettings } from "../settings.ts";
import type { Counters } from "./counters.ts";

const SECOND_MS = 1_000;

/** A client's default share of all sessions: enough for an office of 70 browsers with 32 connections each. */
const SHARE = 1 / 4, LEAST_SHARE = 64;

/** Limits per client and per user. A client is an IPv4 address or an IPv6 /64. */
export class Limits {
  readonly #counters: Counters;
  readonly #settings: GatewaySettings;
  readonly #clock: Clock;
  readonly #capacity: number;

  /** `capacity` is the number of sessions that the descriptor limit allows. */
  constructor(counters: Counters, settings: GatewaySettings, clock: Clock, capacity = Infinity) {
    this.#capacity = capacity;
    this.#counters = counters;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Admits a connection of `client`, whose end is reported by leave(); or returns the reason why not. */
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

  /** True if one more connection may wait for its PROXY header; its end is reported by waited(). */
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

  /** Maximum sessions of that client. A client on this machine may be a load balancer that stands for many. */
  #bound({ host }: SocketAddr): number | undefined {
    const { maxSessions, maxSessionsPerClient } = this.#settings;
    if (maxSessionsPerClient !== undefined) return maxSessionsPerClient;
    const local = host === "::1" || host.startsWith("127.");
    return local ? undefined : Math.max(LEAST_SHARE, Math.ceil(Math.min(maxSessions, this.#capacity) * SHARE));
  }

  /** A session's shares, empty at first. */
  shares(): Shares {
    return new Shares(this.#counters, this.#clock, this.#settings.sessionBandwidth);
  }
}

/** The limits that all sessions of `username` share. */
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
