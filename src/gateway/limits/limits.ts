import { household } from "../../protocol/household.ts";
import type { Clock } from "../../net/clock.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { TurnedAway } from "../../events.ts";
import { Bandwidth } from "./bandwidth.ts";
import type { GatewaySettings } from "../settings.ts";
import type { Counters } from "./counters.ts";

const SECOND_MS = 1_000;

/** Failed authentications are remembered for so long; after the first few, answers wait; after more, clients are turned away. */
const FAILURES_MS = 60_000, PATIENCE = 3, MAX_FAILURES = 10;

/** What each failure beyond patience adds to the wait for an answer. */
const DELAY_MS = 500;

/** How much of the gateway one client, or one user, may have. A client is an IPv4 address or an IPv6 /64. */
export class Limits {
  readonly #counters: Counters;
  readonly #settings: GatewaySettings;
  readonly #clock: Clock;

  constructor(counters: Counters, settings: GatewaySettings, clock: Clock) {
    this.#counters = counters;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Lets a connection of `client` in, which leave() is told of when it ends; or says why not. */
  enter({ host }: SocketAddr): TurnedAway | undefined {
    const { maxSessions, maxSessionsPerClient, maxRate } = this.#settings;
    const client = household(host);
    const now = this.#clock.now();
    if (maxRate !== undefined && this.#counters.tally(`rate ${client}`, SECOND_MS, now) > maxRate) {
      return "too-many-connections";
    }
    if (this.#counters.rate(`failures ${client}`, FAILURES_MS, now) >= MAX_FAILURES) return "too-many-failures";
    if (!this.#counters.hold("sessions", maxSessions)) return "too-many-sessions";
    if (maxSessionsPerClient === undefined || this.#counters.hold(`client ${client}`, maxSessionsPerClient)) {
      return undefined;
    }
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

  leave({ host }: SocketAddr): void {
    this.#counters.release("sessions");
    if (this.#settings.maxSessionsPerClient !== undefined) this.#counters.release(`client ${household(host)}`);
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

  /** Notes what became of credentials; how long their answer has to wait (ms). */
  authenticated({ host }: SocketAddr, good: boolean): number {
    const key = `failures ${household(host)}`;
    if (good) {
      this.#counters.forget(key);
      return 0;
    }
    const failures = this.#counters.tally(key, FAILURES_MS, this.#clock.now());
    return Math.max(0, Math.floor(failures) - PATIENCE) * DELAY_MS;
  }
}
