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

/** How often routes are looked at, and names thought of (ms): an answer comes before failures are believed. */
const LOOK_MS = 5_000;

/** DNS servers are asked where nobody else has asked for so long (ms). */
const ASK_MS = 30_000;

/** The system may take so long (ms). */
const ANSWER_MS = 3_000;

/** Looks now and then at what the gateway depends on outside, so that whoever asks is answered from memory. */
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

  /** `clock` tells ms since 1970. */
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

  /** What is known of name resolution, by those who ask for clients and by the questions from here. */
  get names(): NamesFacts {
    return allNames([this.#service.vitals().names, this.#probes.vitals.names]);
  }

  /** Other DNS servers are asked from now on. */
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
   * DNS servers are asked where nobody else asks. And whoever resolves names is while that fails: a client that asks for dead
   * names alone takes the gateway from nobody.
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

  /** That of whoever answers first; "called-off" says nothing. */
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

/** A server that refuses what it is asked is there, and may refuse others. */
async function outcomeAt(server: Transport, clock: Clock): Promise<Asked["outcome"]> {
  const { failure, refuses } = await probe(server, clock);
  return failure !== undefined ? "failed" : refuses ? "called-off" : "found";
}

/** Where it fails, that may be a network without the Internet, in which all else is resolved. */
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
