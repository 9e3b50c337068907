import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event, SessionRecord } from "../../../src/events.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { defaultSettings, type GatewaySettings } from "../../../src/gateway/settings.ts";
import type { GssAcceptor } from "../../../src/net/gss/gss.ts";
import type { Upstream } from "../../../src/gateway/upstreams/upstream.ts";
import { Upstreams } from "../../../src/gateway/upstreams/upstreams.ts";
import type { Association } from "../../../src/sockslib/association.ts";
import { Client } from "../../../src/sockslib/client.ts";
import { Internet, type MemoryNet } from "../memory/memory_net.ts";
import { PlainInitiator } from "../memory/plain_gss.ts";
import { MemoryResolver } from "../memory/memory_resolver.ts";
import { type PlainRule, rulesOf } from "../memory/rules.ts";
import { settle, TestClock } from "../memory/test_clock.ts";
import { UdpPeer } from "../memory/udp_peer.ts";
import { CLIENT4, SERVER4, SERVER6 } from "../memory/world.ts";

/** Addresses of the gateways of a chain in which each hop has one family only: 4 → 6 → 4 → 6. */
export const HOP1 = "192.0.2.11", HOP2 = "2001:db8:2::12", HOP3 = "192.0.2.13";

export interface LinkOptions {
  /** Addresses that it has beside those it listens on. */
  readonly others?: readonly string[];
  readonly authenticator?: Authenticator;
  readonly gssapi?: GssAcceptor;
  readonly settings?: Partial<GatewaySettings>;
  readonly rules?: readonly PlainRule[];
  readonly upstreams?: readonly Upstream[];
  /** 0 for no probes, which is what holds where nothing is said. */
  readonly probeMs?: number;
}

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
  /** Of all who go through gateways. */
  readonly gss = new PlainInitiator();

  /** A gateway that listens at `addrs`, and may have others. */
  async add(addrs: readonly string[], options: LinkOptions = {}): Promise<Link> {
    const { clock } = this;
    const net = this.internet.host(...addrs, ...options.others ?? []);
    const resolver = new MemoryResolver();
    const events: Event[] = [];
    const emit = (event: Event) => void events.push(event);
    const rules = rulesOf(options.rules ?? []);
    const own = { ownListeners: () => gateway.addrs, localAddrs: () => net.localAddrs() };
    const probes = { intervalMs: options.probeMs ?? 0, timeoutMs: 5_000 };
    const gateway: Gateway = new Gateway({
      net,
      clock,
      resolver,
      ruleset: new Ruleset({ ...own, rules, allow: [] }),
      upstreams: new Upstreams({
        ...own,
        net,
        clock,
        resolver,
        gss: this.gss,
        upstreams: options.upstreams ?? [],
        rules,
        probes,
        emit,
      }),
      authenticator: options.authenticator,
      gssapi: options.gssapi,
      settings: { ...defaultSettings, ...options.settings },
      emit,
    });
    for (const host of addrs) await gateway.listen({ host, port: 1080 });
    const link = { net, resolver, events, gateway };
    this.links.push(link);
    return link;
  }

  /** Three gateways, each of which has the family of the one before and the other. */
  async addThree(): Promise<void> {
    await this.add([HOP1], { others: ["2001:db8:2::11"] });
    await this.add([HOP2], { others: ["192.0.2.12"] });
    await this.add([HOP3], { others: ["2001:db8:5::13", "203.0.113.13"] });
  }

  via(...via: readonly string[]): Client {
    return new Client({ net: this.client, clock: this.clock, resolver: this.resolver, gss: this.gss, via });
  }

  /** Records of the sessions that have ended at one of them. */
  records(link: Link): readonly SessionRecord[] {
    return link.events.flatMap((event) => event.type === "session-closed" ? [event.session] : []);
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

/** Datagrams of several sizes go by `association` to a server at `host`, and are answered. */
export async function crosses(world: ChainWorld, association: Association, host: string): Promise<void> {
  const udp = new UdpPeer(await world.server.bindUdp({ host, port: 53 }));
  for (const size of [0, 5, 60_000]) {
    await association.send(new Uint8Array(size).fill(7), { host, port: 53 });
    await settle();
    const [{ from, bytes }] = udp.heard() as [{ from: string; bytes: Uint8Array }];
    assert.equal(bytes.length, size);
    const at = from.lastIndexOf(":");
    await udp.send({ host: from.slice(0, at).replace(/[[\]]/g, ""), port: Number(from.slice(at + 1)) }, bytes);
    const received = await association.receive();
    assert.equal(received?.payload.length, size);
    assert.equal(received.source.host, host);
  }
  udp.close();
}
