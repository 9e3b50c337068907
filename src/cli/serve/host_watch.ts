import type { EgressFacts, NamesFacts } from "../../admin/readiness.ts";
import { allNames, ThreadWatch } from "../../admin/thread_watch.ts";
import type { Asked } from "../../dns/asked.ts";
import { probe } from "../../dns/servers/dns_probe.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { systemLookups } from "../service/system_lookups.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Net } from "../../net/socket.ts";
import { WELL_KNOWN_NAME } from "../../protocol/ip/nat64.ts";
import { far, isNear } from "../service/egress.ts";
import type { Service } from "../service/service.ts";

/** Interval of checking routes and name resolution (ms): short enough for an answer before failures are reported. */
const LOOK_MS = 5_000;

/** DNS servers are probed after so long without an answer (ms). */
const ASK_MS = 30_000;

/** Timeout of the system's resolver (ms). */
const ANSWER_MS = 3_000;

/** Checks routes and name resolution at intervals, so that health requests are answered from memory. */
export class HostWatch {
  readonly #net: Pick<Net, "localAddrFor" | "localAddrs">;
  readonly #service: Pick<Service, "vitals" | "dnsServers">;
  readonly #clock: Clock;
  readonly #system: Pick<Resolver, "resolve">;
  readonly #probes: ThreadWatch;
  #cancel = () => {};
  #askedAt = -Infinity;
  #asking = false;
  #ipv4: EgressFacts | undefined;
  #ipv6: EgressFacts | undefined;

  /** `clock` counts ms since 1970. */
  constructor(
    net: Pick<Net, "localAddrFor" | "localAddrs">,
    service: Pick<Service, "vitals" | "dnsServers">,
    clock: Clock,
    system: Pick<Resolver, "resolve"> = systemLookups(),
  ) {
    this.#net = net;
    this.#service = service;
    this.#clock = clock;
    this.#system = system;
    this.#probes = new ThreadWatch(() => clock.now());
    this.#lookLater();
  }

  /** Never rejects. */
  async look(): Promise<void> {
    [this.#ipv4, this.#ipv6] = await Promise.all([
      this.#egress(far.ipv4, this.#ipv4),
      this.#egress(far.ipv6, this.#ipv6),
    ]);
    void this.#askForNames();
  }

  get ipv4(): EgressFacts | undefined {
    return this.#ipv4;
  }

  get ipv6(): EgressFacts | undefined {
    return this.#ipv6;
  }

  /** State of name resolution, from clients' look-ups and from the probes here. */
  get names(): NamesFacts {
    return allNames([this.#service.vitals().names, this.#probes.vitals.names]);
  }

  /** Forgets all: a reload may change the DNS servers. */
  forget(): void {
    this.#probes.listen({ type: "reconfigured" });
    this.#askedAt = -Infinity;
  }

  stop(): void {
    this.#cancel();
  }

  #lookLater(): void {
    this.#cancel = this.#clock.after(LOOK_MS, () => {
      this.#lookLater();
      void this.look();
    });
  }

  async #egress(host: string, before: EgressFacts | undefined): Promise<EgressFacts> {
    const from = await this.#net.localAddrFor(host).catch(() => undefined);
    const near = from ?? this.#net.localAddrs().find((addr) => isNear(addr) && sameFamily(addr, host));
    if (before && before.from === from && before.near === near) return before;
    return { from, near, since: this.#clock.now() };
  }

  /**
   * Probes DNS servers if no client asks them, and the resolver in use while look-ups fail: a client that asks only for dead
   * names must not make the gateway look unhealthy.
   */
  async #askForNames(): Promise<void> {
    const { names } = this;
    const now = this.#clock.now();
    const isQuiet = this.#service.dnsServers.length > 0 && now - Math.max(this.#askedAt, names.answeredAt) >= ASK_MS;
    if (this.#asking || (names.failures === 0 && !isQuiet)) return;
    this.#asking = true;
    this.#askedAt = now;
    const outcome = await this.#outcome();
    this.#asking = false;
    this.#probes.listen({ type: "dns-asked", by: "system", outcome, ms: 0 });
  }

  /** Outcome of the first server that answers; "called-off" proves nothing. */
  #outcome(): Promise<Asked["outcome"]> {
    const { dnsServers } = this.#service;
    const asked = dnsServers.length > 0
      ? dnsServers.map((server) => outcomeAt(server, this.#clock))
      : [outcomeOfSystem(this.#system, this.#clock)];
    const answers = asked.map(async (outcome) => await outcome === "found" ? "found" : Promise.reject(await outcome));
    return Promise.any(answers).catch(({ errors }: AggregateError) =>
      errors.find((one) => one !== "failed") ?? "failed"
    );
  }
}

/** A server that refuses the query is reachable, and may refuse other queries. */
async function outcomeAt(server: Transport, clock: Clock): Promise<Asked["outcome"]> {
  const { failure, refuses } = await probe(server, clock);
  return failure !== undefined ? "failed" : refuses ? "called-off" : "found";
}

/** A failure proves nothing: in a network without the Internet, all other names may resolve. */
async function outcomeOfSystem(system: Pick<Resolver, "resolve">, clock: Clock): Promise<Asked["outcome"]> {
  const late = new Cut();
  const cancel = clock.after(ANSWER_MS, () => late.make());
  try {
    await system.resolve(WELL_KNOWN_NAME, late);
    return "found";
  } catch (error) {
    return error instanceof NetError && error.kind === "no-such-name" ? "found" : "called-off";
  } finally {
    cancel();
  }
}

function sameFamily(a: string, b: string): boolean {
  return a.includes(":") === b.includes(":");
}
