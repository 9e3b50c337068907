import { household } from "../../protocol/ip/household.ts";
import type { Clock } from "../../net/clock.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { TurnedAway } from "../../events.ts";
import { Bandwidth } from "./bandwidth.ts";
import type { GatewaySettings } from "../settings.ts";
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

  /** Whether `username` may have one more session, which leaveUser() is told of when it ends. */
  enterUser(username: string): boolean {
    const { maxSessionsPerUser } = this.#settings;
    return maxSessionsPerUser === undefined || this.#counters.hold(`user ${username}`, maxSessionsPerUser);
  }

  leaveUser(username: string): void {
    if (this.#settings.maxSessionsPerUser !== undefined) this.#counters.release(`user ${username}`);
  }

  /** Keeps a session to its rate and its user's; undefined where neither has one. */
  bandwidth(username: string | undefined): Bandwidth | undefined {
    const { sessionBandwidth, userBandwidth } = this.#settings;
    const user = userBandwidth !== undefined && username !== undefined
      ? { key: `bytes ${username}`, bandwidth: userBandwidth, counters: this.#counters }
      : undefined;
    return sessionBandwidth === undefined && !user ? undefined : new Bandwidth(this.#clock, sessionBandwidth, user);
  }
}
