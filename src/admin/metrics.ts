import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { Command, commandName, Reply, replyLabel } from "../protocol/codes.ts";
import type { Emit, Event, SessionRecord } from "../events.ts";

/** Counts events for Prometheus. Every label has a closed set of values: nothing a client sends becomes one. */
export class Metrics {
  readonly registry = new Registry();
  readonly #live: ReadonlySet<SessionRecord>;
  /** Bytes and datagrams of sessions that have ended. */
  readonly #ended = { bytes: { up: 0, down: 0 }, datagrams: { up: 0, down: 0 } };
  readonly #sessions = this.#counter("sessions_total", "Sessions ended, by how", ["end"]);
  readonly #turnedAway = this.#counter("clients_turned_away_total", "Connections closed before a session", ["reason"]);
  readonly #requests = this.#counter("requests_total", "Requests, by command", ["command"]);
  readonly #replies = this.#counter("replies_total", "Final replies, by code", ["reply"]);
  readonly #relays = this.#counter("relays_total", "Relays, by relay type of RFC 3089", ["type"]);
  readonly #dropped = this.#counter("datagrams_dropped_total", "Datagrams that went no further", ["reason"]);
  readonly #faults = this.#counter("faults_total", "Errors that nobody foresaw", []);
  readonly #acceptFailures = this.#counter("accept_failures_total", "Failed accepts, as without descriptors", []);
  readonly #dial = new Histogram({
    name: "gate46_dial_seconds",
    help: "From request to connection or failure, CONNECT only",
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });

  /** Of several threads the one that fares worst is told. */
  readonly #upstreams = new Gauge({
    name: "gate46_upstream_up",
    help: "Whether a chain of upstream gateways can be reached",
    labelNames: ["upstream", "chain"],
    aggregator: "min",
    registers: [this.registry],
  });

  /** `live` are the sessions under way; one that ends is no longer among them when that is told here. */
  constructor(live: ReadonlySet<SessionRecord>) {
    this.#live = live;
    new Gauge({
      name: "gate46_sessions",
      help: "Sessions now",
      registers: [this.registry],
      collect() {
        this.set(live.size);
      },
    });
    this.#total("bytes_total", "Payload relayed, by direction: up is towards the destination", "bytes", "counts");
    this.#total("datagrams_total", "UDP datagrams relayed, by direction", "datagrams", "datagrams");
    for (const reply of Object.values(Reply)) this.#replies.inc({ reply: replyLabel(reply) }, 0);
    for (const command of Object.values(Command)) this.#requests.inc({ command: commandName(command) }, 0);
    for (const type of ["A", "B", "C", "D"]) this.#relays.inc({ type }, 0);
  }

  readonly listen: Emit = (event: Event) => {
    switch (event.type) {
      case "session-closed":
        this.#close(event.session);
        break;
      case "client-turned-away":
        this.#turnedAway.inc({ reason: event.reason });
        break;
      case "accept-failed":
        this.#acceptFailures.inc();
        break;
      case "accept-recovered":
        this.#acceptFailures.inc(event.failures - 1); // the first has been told
        break;
      case "upstream":
        this.#upstreams.set({ upstream: event.upstream, chain: event.chain }, event.up ? 1 : 0);
        break;
      case "reconfigured":
        this.#upstreams.reset();
        break;
      case "fault":
        this.#faults.inc();
        break;
    }
  };

  #close(session: SessionRecord): void {
    this.#sessions.inc({ end: session.end! });
    if (session.command) this.#requests.inc({ command: commandName(session.command) });
    if (session.reply !== undefined) this.#replies.inc({ reply: replyLabel(session.reply) });
    if (session.relayType) this.#relays.inc({ type: session.relayType });
    if (session.dialMs !== undefined) this.#dial.observe(session.dialMs / 1_000);
    for (const [reason, count] of Object.entries(session.dropped)) this.#dropped.inc({ reason }, count);
    for (const direction of ["up", "down"] as const) {
      this.#ended.bytes[direction] += session.counts[direction];
      this.#ended.datagrams[direction] += session.datagrams[direction];
    }
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name: `gate46_${name}`, help, labelNames, registers: [this.registry] });
  }

  /** A counter by direction that includes the sessions under way. */
  #total(name: string, help: string, ended: "bytes" | "datagrams", field: "counts" | "datagrams"): void {
    const sum = (direction: "up" | "down") => {
      let total = this.#ended[ended][direction];
      for (const session of this.#live) total += session[field][direction];
      return total;
    };
    new Counter({
      name: `gate46_${name}`,
      help,
      labelNames: ["direction"],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const direction of ["up", "down"] as const) this.inc({ direction }, sum(direction));
      },
    });
  }
}
