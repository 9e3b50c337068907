import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event, SessionRecord } from "../../../src/events.ts";
import { Gateway, type GatewayContext } from "../../../src/gateway/gateway.ts";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import { Nat64 } from "../../../src/gateway/dial/nat64_discovery.ts";
import type { PackedRules } from "../../../src/gateway/rules/packed_rules.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { defaultSettings, type GatewaySettings } from "../../../src/gateway/settings.ts";
import type { GssAcceptor } from "../../../src/net/gss/gss.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { encodeReply, encodeRequest } from "../../../src/protocol/request.ts";
import { hex, joined } from "../wire/bytes.ts";
import { Internet, type MemoryNet } from "./memory_net.ts";
import { MemoryResolver } from "./memory_resolver.ts";
import { Peer, Server } from "./peer.ts";
import { packedRulesOf, type PlainRule } from "./rules.ts";
import { settle, TestClock } from "./test_clock.ts";

export const GATEWAY4 = "192.0.2.1";
export const GATEWAY6 = "2001:db8::1";
export const CLIENT4 = "198.51.100.10";
export const CLIENT6 = "2001:db8:c::10";
export const SERVER4 = "203.0.113.80";
export const SERVER6 = "2001:db8:5::80";

/** The four relay types of RFC 3089: family of the client, family of the destination. */
export const relayTypes = [
  { type: "A", client: 4, server: 4 },
  { type: "B", client: 4, server: 6 },
  { type: "C", client: 6, server: 4 },
  { type: "D", client: 6, server: 6 },
] as const;

export interface WorldOptions {
  readonly settings?: Partial<GatewaySettings>;
  readonly authenticator?: Authenticator;
  readonly gssapi?: GssAcceptor;
  readonly allow?: readonly string[];
  readonly rules?: readonly PlainRule[] | PackedRules;
  readonly otherwise?: "allow" | "deny";
  /** Addresses of the gateway. */
  readonly gateway?: readonly string[];
  /** A prefix, or `auto`. */
  readonly nat64?: string;
  /** Bytes that one direction of a connection to a server holds. */
  readonly pipeSize?: number;
}

/** A gateway in a small world: clients and servers of either family, names, and a clock that stands. */
export class World {
  readonly clock = new TestClock();
  readonly resolver = new MemoryResolver();
  readonly events: Event[] = [];
  readonly internet: Internet;
  /** The gateway's host. */
  readonly net: MemoryNet;
  readonly clients: Readonly<Record<4 | 6, MemoryNet>>;
  readonly servers: Readonly<Record<4 | 6, MemoryNet>>;
  /** What the gateway began with. */
  readonly context: GatewayContext;
  readonly gateway: Gateway;
  readonly nat64: Nat64 | undefined;

  constructor(options: WorldOptions = {}) {
    this.internet = new Internet(this.clock);
    this.net = this.internet.host(...options.gateway ?? [GATEWAY4, GATEWAY6]);
    this.clients = { 4: this.internet.host(CLIENT4), 6: this.internet.host(CLIENT6) };
    this.servers = { 4: this.internet.host(SERVER4), 6: this.internet.host(SERVER6) };
    if (options.pipeSize) this.servers[4].pipeSize = this.servers[6].pipeSize = options.pipeSize;
    const { net, clock, resolver } = this;
    const prefix = options.nat64 === "auto" ? "auto" : options.nat64 && parsePrefix(options.nat64);
    const nat64 = this.nat64 = prefix ? new Nat64({ net, clock, resolver, prefix }) : undefined;
    this.context = {
      net,
      clock,
      resolver,
      nat64,
      ruleset: new Ruleset({
        rules: packed(options.rules ?? []),
        otherwise: options.otherwise,
        meant: nat64 && ((ipv6) => nat64.meant(ipv6)),
        allow: (options.allow ?? []).map((text) => parsePrefix(text)!),
        ownListeners: () => this.gateway.addrs,
        localAddrs: () => this.net.localAddrs(),
      }),
      authenticator: options.authenticator,
      gssapi: options.gssapi,
      settings: { ...defaultSettings, ...options.settings },
      emit: (event) => this.events.push(event),
    };
    this.gateway = new Gateway(this.context);
  }

  /** Records of the sessions that have ended. */
  get records(): readonly SessionRecord[] {
    return this.events.flatMap((event) => event.type === "session-closed" ? [event.session] : []);
  }

  /** The record of the only session that has ended. */
  get record(): SessionRecord {
    const [record, ...others] = this.records;
    assert.ok(record, "no session has ended");
    assert.equal(others.length, 0);
    return record;
  }

  /** A client of that family, connected to the gateway. */
  async client(family: 4 | 6 = 4, host: MemoryNet = this.clients[family]): Promise<Peer> {
    const gateway = this.gateway.addrs.find(({ host }) => host.includes(":") === (family === 6))!;
    const peer = new Peer(await host.connect(gateway));
    await settle();
    return peer;
  }

  /** A server on that address; the host of the family unless `host` is given. */
  async serve(
    addr: SocketAddr,
    options: { readonly host?: MemoryNet; readonly paused?: boolean } = {},
  ): Promise<Server> {
    const host = options.host ?? this.servers[addr.host.includes(":") ? 6 : 4];
    return new Server(await host.listen(addr), options);
  }

  /** A client whose greeting was answered and whose request has been sent. */
  async request(
    command: Command,
    destination: SocketAddr,
    options: { readonly family?: 4 | 6; readonly tail?: Uint8Array; readonly host?: MemoryNet } = {},
  ): Promise<Peer> {
    const client = await this.client(options.family, options.host);
    await client.send("05 01 00");
    assert.equal(client.heard(), "05 00");
    await client.send(joined(request(command, destination), options.tail ?? new Uint8Array(0)));
    return client;
  }

  /** A client that is connected through the gateway to a new server. */
  async connected(client: 4 | 6, server: 4 | 6): Promise<{ client: Peer; server: Peer }> {
    const addr = { host: server === 4 ? SERVER4 : SERVER6, port: 80 };
    const listener = await this.serve(addr);
    const peer = await this.request(Command.Connect, addr, { family: client });
    assert.equal(peer.heard(), replyHex(0, listener.peer.socket.remoteAddr));
    listener.close();
    return { client: peer, server: listener.peer };
  }

  /** Ends the gateway and proves that it leaves nothing behind. */
  async end(): Promise<void> {
    const drained = this.gateway.drain(0);
    await this.clock.advance(1_000);
    await drained;
    await settle();
    this.net.assertNothingOpen();
    assert.equal(this.clock.pending, 0, "timers are left");
    const opened = this.events.filter(({ type }) => type === "session-opened").length;
    assert.equal(this.records.length, opened, "every session that was opened was told to be closed");
    const faults = this.events.flatMap((event) => event.type === "fault" ? [event.error] : []);
    assert.deepEqual(faults, []);
  }
}

/** A test in a world of its own, which ends by proving that no socket and no timer is left. */
function packed(rules: readonly PlainRule[] | PackedRules): PackedRules {
  return "index" in rules ? rules : packedRulesOf(rules);
}

export function worldTest(name: string, options: WorldOptions, body: (world: World) => Promise<void>): void {
  test(name, async () => {
    const world = new World(options);
    for (const host of world.net.addrs) {
      await world.gateway.listen({ host, port: 1080, ...host.startsWith("fe80:") && { zone: "2" } });
    }
    await body(world);
    await world.end();
  });
}

/** The octets of a request; a `host` that is no address goes as a name. */
export function request(command: Command, { host, port }: SocketAddr): Uint8Array {
  return encodeRequest({ command, destination: ipAddress(host, port) ?? nameAddress(host, port) });
}

/** A reply in hexadecimal; without `bound` its address is 0.0.0.0:0. */
export function replyHex(reply: number, bound?: SocketAddr): string {
  return hex(encodeReply(reply as 0, bound && ipAddress(bound.host, bound.port)));
}
