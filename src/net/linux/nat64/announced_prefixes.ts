import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { EPOLLIN, IPPROTO_IPV6, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK } from "../../kernel/libc/abi.ts";
import { defaultRouters } from "../../kernel/host/default_routers.ts";
import { zoneNumber } from "../../kernel/host/interfaces.ts";
import { MessageHeaders } from "../../kernel/libc/message_headers.ts";
import { AF_INET6, decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from "../../kernel/libc/sockaddr.ts";
import { setOption } from "../../kernel/sockets/socket_option.ts";
import type { Engine } from "../engine/engine.ts";
import type { Watcher } from "../engine/poller.ts";

/** The content of an advertisement, by its octets. */
export type ReadAdvertisement<T> = (
  message: Uint8Array,
) => readonly { readonly prefix: T; readonly lifetimeS: number }[];

const SOCK_RAW = 3, IPPROTO_ICMPV6 = 58, ICMP6_FILTER = 1, IPV6_MULTICAST_HOPS = 18;
const IPV6_RECVHOPLIMIT = 51, IPV6_HOPLIMIT = 52;
const ROUTER_SOLICITATION = 133, ROUTER_ADVERTISEMENT = 134, HOPS = 255, MAX_SIZE = 4_096, MAX_BURST = 16;

/** Further ones are ignored: only an attack has so many. */
const MAX_PREFIXES = 16;

/** Minimum interval between lookups of this host's default routers (ms). */
const ROUTERS_MS = 2_000;

interface Announced<T> {
  readonly prefix: T;
  /** ADDRESS%INTERFACE of the router. */
  readonly router: string;
  /** By the engine's clock (ms). */
  readonly until: number;
}

/**
 * Prefixes announced by routers (RFC 4861, RFC 8781): only by this host's default routers, not by other hosts of the network. It
 * needs CAP_NET_RAW; without it, no prefix is ever known.
 */
export class AnnouncedPrefixes<T extends { toString(): string }> implements Watcher {
  readonly #engine: Engine;
  readonly #readAdvertisement: ReadAdvertisement<T>;
  readonly #fd: number;
  readonly #bytes = new Uint8Array(MAX_SIZE);
  readonly #headers: MessageHeaders;
  readonly #known = new Map<string, Announced<T>>();
  #routers: ReadonlySet<string> = new Set();
  #routersAt = -Infinity;

  private constructor(engine: Engine, fd: number, read: ReadAdvertisement<T>) {
    this.#engine = engine;
    this.#fd = fd;
    this.#readAdvertisement = read;
    this.#headers = new MessageHeaders(engine.libc, 1);
    engine.poller.watch(fd, this, EPOLLIN);
  }

  /** Undefined without the right, or without IPv6. */
  static open<T extends { toString(): string }>(
    engine: Engine,
    read: ReadAdvertisement<T>,
  ): AnnouncedPrefixes<T> | undefined {
    const { libc } = engine;
    const fd = libc.socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    if (fd < 0) return undefined;
    engine.own(fd);
    const filter = new Uint8Array(32).fill(0xff); // a bit for each type that is not wanted (RFC 3542 s3.2)
    filter[ROUTER_ADVERTISEMENT >> 3]! &= ~(1 << (ROUTER_ADVERTISEMENT & 7));
    const isSet = libc.setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter, filter.length) === 0 &&
      setOption(libc, fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
      setOption(libc, fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS);
    if (!isSet) {
      engine.close(fd);
      return undefined;
    }
    const opened = new AnnouncedPrefixes(engine, fd, read);
    opened.#solicit();
    return opened;
  }

  /** The currently valid ones. */
  get prefixes(): readonly T[] {
    if (this.#known.size === 0) return [];
    const now = this.#engine.timers.now(), routers = this.#defaultRouters(now);
    for (const [key, { until }] of this.#known) if (until <= now) this.#known.delete(key);
    return Array.from(this.#known.values()).filter(({ router }) => routers.has(router)).map(({ prefix }) => prefix);
  }

  close(): void {
    this.#engine.close(this.#fd);
  }

  ready(): void {
    const { libc } = this.#engine;
    for (let i = 0; i < MAX_BURST; i++) {
      this.#headers.setMemory(0, libc.addressOf(this.#bytes.buffer), MAX_SIZE);
      this.#headers.setNameSize(0, SOCKADDR_SIZE);
      this.#headers.expectControl(0);
      if (libc.recvmmsg(this.#fd, this.#headers.headers, 1, MSG_DONTWAIT, null) !== 1) return;
      const from = decodeSockaddr(this.#headers.name(0).slice());
      const isNear = this.#headers.control(0, IPPROTO_IPV6, IPV6_HOPLIMIT) === HOPS; // not from beyond the link (RFC 4861 s6.1.2)
      const device = from?.zone && interfaceOf(from.zone);
      if (!isNear || !device || !/^fe[89ab]/.test(from.host)) continue;
      this.#note(`${from.host}%${device}`, this.#bytes.subarray(0, this.#headers.size(0)));
    }
  }

  #note(router: string, message: Uint8Array): void {
    for (const { prefix, lifetimeS } of this.#readAdvertisement(message)) {
      const key = `${router} ${prefix}`;
      if (lifetimeS === 0) this.#known.delete(key);
      else if (this.#known.has(key) || this.#known.size < MAX_PREFIXES) {
        this.#known.set(key, { prefix, router, until: this.#engine.timers.now() + lifetimeS * 1_000 });
      }
    }
  }

  #defaultRouters(now: number): ReadonlySet<string> {
    if (now - this.#routersAt < ROUTERS_MS) return this.#routers;
    this.#routersAt = now;
    try {
      return this.#routers = defaultRouters(readFileSync("/proc/net/ipv6_route", "latin1"));
    } catch {
      return this.#routers; // without descriptors
    }
  }

  /** Asks routers to advertise at once (RFC 4861 s4.1); failures to send are ignored. */
  #solicit(): void {
    const { libc } = this.#engine, message = new Uint8Array(8);
    message[0] = ROUTER_SOLICITATION;
    for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
      if (!addresses.some(({ address, internal }) => !internal && /^fe[89ab]/.test(address))) continue;
      const all = encodeSockaddr({ host: "ff02::2", port: 0, zone: String(zoneNumber(name) ?? name) });
      libc.sendto(this.#fd, message, message.length, MSG_DONTWAIT, all, all.length);
    }
  }
}

/** The name of an interface by its number. */
function interfaceOf(zone: string): string | undefined {
  return Object.keys(networkInterfaces()).find((name) => String(zoneNumber(name)) === zone);
}
