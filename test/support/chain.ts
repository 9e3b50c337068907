import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/events.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import type { Authenticator } from "../../src/gateway/methods.ts";
import { Ruleset } from "../../src/gateway/ruleset.ts";
import { defaultSettings } from "../../src/gateway/settings.ts";
import { Client } from "../../src/sockslib/client.ts";
import { Internet, type MemoryNet } from "./memory_net.ts";
import { MemoryResolver } from "./memory_resolver.ts";
import { settle, TestClock } from "./test_clock.ts";
import { CLIENT4, SERVER4, SERVER6 } from "./world.ts";

/** Addresses of the gateways of a chain in which each hop has one family only: 4 → 6 → 4 → 6. */
export const HOP1 = "192.0.2.11", HOP2 = "2001:db8:2::12", HOP3 = "192.0.2.13";

/** One gateway of a chain: its host, its names, and what it told. */
export interface Link {
  readonly net: MemoryNet;
  readonly resolver: MemoryResolver;
  readonly events: Event[];
  readonly gateway: Gateway;
}

/** A client, gateways in a row, a server of either family, and a clock that stands. */
export class ChainWorld {
  readonly clock = new TestClock();
  readonly internet = new Internet(this.clock);
  readonly client = this.internet.host(CLIENT4);
  readonly server = this.internet.host(SERVER4, SERVER6);
  readonly resolver = new MemoryResolver();
  readonly links: Link[] = [];

  /** A gateway that listens at `addrs`, and may have others. */
  async add(
    addrs: readonly string[],
    others: readonly string[] = [],
    authenticator?: Authenticator,
  ): Promise<Link> {
    const net = this.internet.host(...addrs, ...others);
    const resolver = new MemoryResolver();
    const events: Event[] = [];
    const gateway: Gateway = new Gateway({
      net,
      clock: this.clock,
      resolver,
      ruleset: new Ruleset({ allow: [], ownListeners: () => gateway.addrs, localAddrs: () => net.localAddrs() }),
      authenticator,
      settings: defaultSettings,
      emit: (event) => events.push(event),
    });
    for (const host of addrs) await gateway.listen({ host, port: 1080 });
    const link = { net, resolver, events, gateway };
    this.links.push(link);
    return link;
  }

  /** Three gateways, each of which has the family of the one before and the other. */
  async addThree(): Promise<void> {
    await this.add([HOP1], ["2001:db8:2::11"]);
    await this.add([HOP2], ["192.0.2.12"]);
    await this.add([HOP3], ["2001:db8:5::13", "203.0.113.13"]);
  }

  via(...via: readonly string[]): Client {
    return new Client({ net: this.client, clock: this.clock, resolver: this.resolver, via });
  }

  viaThree(): Client {
    return this.via(`socks5://${HOP1}`, `socks5://[${HOP2}]`, `socks5://${HOP3}`);
  }

  /** Ends all gateways and proves that nothing is left behind. */
  async end(): Promise<void> {
    const drained = this.links.map(({ gateway }) => gateway.drain(0));
    await this.clock.advance(1_000);
    await Promise.all(drained);
    await settle();
    this.client.assertNothingOpen();
    for (const { net, events } of this.links) {
      net.assertNothingOpen();
      assert.deepEqual(events.flatMap((event) => event.type === "fault" ? [event.error] : []), []);
    }
    assert.equal(this.clock.pending, 0, "timers are left");
  }
}

export function chainTest(name: string, body: (world: ChainWorld) => Promise<void>): void {
  test(name, async () => {
    const world = new ChainWorld();
    await body(world);
    await world.end();
  });
}
