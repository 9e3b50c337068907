import type { EgressFacts, NamesFacts } from "../../admin/readiness.ts";
import { allNames, ThreadWatch } from "../../admin/thread_watch.ts";
import { probe } from "../../dns/probe.ts";
import { systemClock } from "../../net/clock.ts";
import type { Net } from "../../net/socket.ts";
import { far, isNear } from "./egress.ts";
import type { Service } from "../service/service.ts";
import { wallMs } from "../service/wall_clock.ts";

/** How often routes are looked at, and DNS servers thought of (ms). */
const LOOK_MS = 5_000;

/** DNS servers are asked where nobody else has asked for so long, sooner while they fail (ms). */
const ASK_MS = 30_000, ASK_AGAIN_MS = 10_000;

/** Looks now and then at what the gateway depends on outside, so that whoever asks is answered from memory. */
export class HostWatch {
  readonly #net: Pick<Net, "localAddrFor" | "localAddrs">;
  readonly #service: Pick<Service, "vitals" | "dnsServers">;
  readonly #probes = new ThreadWatch(wallMs);
  readonly #timer: ReturnType<typeof setInterval>;
  #askedAt = -Infinity;
  #asking = false;
  #ipv4: EgressFacts | undefined;
  #ipv6: EgressFacts | undefined;

  constructor(net: Pick<Net, "localAddrFor" | "localAddrs">, service: Pick<Service, "vitals" | "dnsServers">) {
    this.#net = net;
    this.#service = service;
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  /** Never rejects. */
  async look(): Promise<void> {
    [this.#ipv4, this.#ipv6] = await Promise.all([
      this.#egress(far.ipv4, this.#ipv4),
      this.#egress(far.ipv6, this.#ipv6),
    ]);
    void this.#askServers();
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
    clearInterval(this.#timer);
  }

  async #egress(host: string, before: EgressFacts | undefined): Promise<EgressFacts> {
    const from = await this.#net.localAddrFor(host).catch(() => undefined);
    const near = from ?? this.#net.localAddrs().find((addr) => isNear(addr) && sameFamily(addr, host));
    if (before && before.from === from && before.near === near) return before;
    return { from, near, since: wallMs() };
  }

  /** One after the other, until one is alive. */
  async #askServers(): Promise<void> {
    const { names } = this;
    const now = wallMs();
    const lastAt = Math.max(this.#askedAt, names.answeredAt, names.failedAt);
    const servers = this.#service.dnsServers;
    if (this.#asking || servers.length === 0 || now - lastAt < (names.failures > 0 ? ASK_AGAIN_MS : ASK_MS)) return;
    this.#asking = true;
    this.#askedAt = now;
    for (const server of servers) {
      const { ms, failure } = await probe(server, systemClock);
      this.#probes.listen({ type: "dns-asked", by: "udp", outcome: failure === undefined ? "found" : "failed", ms });
      if (failure === undefined) break;
    }
    this.#asking = false;
  }
}

function sameFamily(a: string, b: string): boolean {
  return a.includes(":") === b.includes(":");
}
