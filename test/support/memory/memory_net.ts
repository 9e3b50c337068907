import type { Cut } from "../../../src/net/cut.ts";
import assert from "node:assert/strict";
import type { Clock } from "../../../src/net/clock.ts";
import { NetError, type NetErrorKind } from "../../../src/net/error.ts";
import { relay } from "../../../src/net/relay.ts";
import type {
  ConnectOptions,
  Datagram,
  Exit,
  ListenOptions,
  Net,
  RelayEnd,
  RelayOptions,
  Socket,
  SocketAddr,
} from "../../../src/net/socket.ts";
import { parseIp } from "../../../src/protocol/address.ts";
import { MemoryListener, type MemorySocket, type OpenSet, socketPair } from "./memory_socket.ts";
import { MemoryUdpSocket } from "./memory_udp.ts";

/** What becomes of a connection attempt: `fault`, or no answer at all, or an answer, all `afterMs`. */
export interface Route {
  readonly fault?: NetErrorKind | "silent";
  readonly afterMs?: number;
}

/** An internet in memory: hosts with addresses, and a Net for each. */
export class Internet {
  readonly clock: Clock;
  readonly #hosts: MemoryNet[] = [];
  readonly #routes = new Map<string, Route>();
  #port = 50_000;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A new host. It has loopback addresses too. */
  host(...addrs: readonly string[]): MemoryNet {
    const host = new MemoryNet(this, addrs);
    this.#hosts.push(host);
    return host;
  }

  /** How connection attempts to `host` end from now on. */
  route(host: string, route: Route): void {
    this.#routes.set(host, route);
  }

  routeTo(host: string): Route {
    return this.#routes.get(host) ?? {};
  }

  owner(addr: string, from: MemoryNet): MemoryNet | undefined {
    return isLoopback(addr) ? from : this.#hosts.find((host) => host.addrs.includes(addr) || host.routed.has(addr));
  }

  nextPort(): number {
    return this.#port++;
  }
}

/** The Net of one host. It knows all that was opened through it, so that a test can end by proving that nothing is left. */
export class MemoryNet implements Net {
  readonly bindsConnections = true;
  readonly addrs: readonly string[];
  /** Every address that connect() was called with. */
  readonly dialled: SocketAddr[] = [];
  /** Addresses that are on no interface, but were bound (IP_FREEBIND): routes lead them here. */
  readonly routed = new Set<string>();
  /** By what sockets left, where that was said. */
  readonly exits: Exit[] = [];
  /** Every socket that came or went. */
  readonly sockets: MemorySocket[] = [];
  /** Bytes that one direction of a connection to this host holds. */
  pipeSize = 64 << 10;
  readonly #internet: Internet;
  readonly #open: OpenSet = new Set();
  readonly #listeners = new Set<MemoryListener>();
  readonly #udpSockets = new Set<MemoryUdpSocket>();
  #gate = Promise.resolve();

  constructor(internet: Internet, addrs: readonly string[]) {
    this.#internet = internet;
    this.addrs = addrs;
  }

  /** What is open, in words. */
  get open(): readonly string[] {
    return Array.from(this.#open, String);
  }

  get udpSocketCount(): number {
    return Array.from(this.#udpSockets).filter((socket) => !socket.closed).length;
  }

  assertNothingOpen(): void {
    assert.deepEqual(this.open, []);
  }

  listen(addr: SocketAddr, { exit }: ListenOptions = {}): Promise<MemoryListener> {
    return later(() => {
      this.#note(exit, addr.host);
      const bound = this.#bind("listen on", addr, this.#listeners);
      const listener = new MemoryListener(bound, this.#open);
      this.#listeners.add(listener);
      return listener;
    });
  }

  async connect(addr: SocketAddr, { cut, ...exit }: ConnectOptions = {}): Promise<MemorySocket> {
    this.dialled.push({ host: addr.host, port: addr.port });
    const { localAddr } = exit;
    this.#note(exit, localAddr);
    await this.#reach(addr, cut);
    const cannot = (kind: NetErrorKind) => new NetError(kind, `Cannot connect to ${addr.host}: ${kind}`);
    if (localAddr !== undefined && !this.#has(localAddr)) {
      throw cannot("address-not-available");
    }
    const localHost = localAddr ?? this.#sourceFor(addr.host);
    if (localHost === undefined) throw cannot("network-unreachable");
    const there = this.#internet.owner(addr.host, this);
    if (!there) throw cannot("host-unreachable");
    const listener = there.#find(there.#listeners, addr);
    if (!listener) throw cannot("refused");
    const local = { host: localHost, port: this.#internet.nextPort(), ...zoneOf(localHost) };
    const [near, far] = socketPair(local, { host: addr.host, port: addr.port, ...zoneOf(addr.host) }, there.pipeSize);
    this.sockets.push(near);
    there.sockets.push(far);
    listener.offer(far);
    return near.openedIn(this.#open);
  }

  bindUdp(addr: SocketAddr, exit?: Exit): Promise<MemoryUdpSocket> {
    return later(() => {
      this.#note(exit, addr.host);
      const bound = this.#bind("bind UDP", addr, this.#udpSockets);
      const carry = (from: MemoryUdpSocket, datagram: Datagram) => this.#carry(from, datagram);
      const socket = new MemoryUdpSocket(bound, this.#open, carry, () => this.#gate);
      this.#udpSockets.add(socket);
      return socket;
    });
  }

  relay(client: Socket, destination: Socket, options: RelayOptions): Promise<RelayEnd> {
    return relay(client, destination, options, this.#internet.clock);
  }

  localAddrFor(host: string): Promise<string | undefined> {
    return Promise.resolve(this.#sourceFor(host));
  }

  localAddrs(): readonly string[] {
    return [...this.addrs, "127.0.0.1", "::1"];
  }

  /** Has the accept under way on `port`, or the next one, fail. */
  failAccept(port: number, kind: NetErrorKind): void {
    for (const listener of this.#listeners) if (!listener.closed && listener.addr.port === port) listener.fail(kind);
  }

  /** Holds what is sent by UDP from now on, until the returned function is called. */
  holdSends(): () => void {
    let release = () => {};
    this.#gate = new Promise((resolve) => release = resolve);
    return release;
  }

  /** Waits as the route says, or rejects. */
  #reach(addr: SocketAddr, cut: Cut | undefined): Promise<void> {
    const { fault, afterMs = 0 } = this.#internet.routeTo(addr.host);
    return new Promise((resolve, reject) => {
      const attempt = { toString: () => `attempt to connect to ${addr.host} port ${addr.port}` };
      let cancel = () => {};
      const abort = () => {
        cancel();
        this.#open.delete(attempt);
        reject(new NetError("aborted", `Cannot connect to ${addr.host}: given up`));
      };
      if (cut?.made) return abort();
      this.#open.add(attempt);
      const release = cut?.on(abort);
      if (fault === "silent") return;
      const answer = () => {
        release?.();
        this.#open.delete(attempt);
        if (fault) reject(new NetError(fault, `Cannot connect to ${addr.host}: ${fault}`));
        else resolve();
      };
      if (afterMs > 0) cancel = this.#internet.clock.after(afterMs, answer);
      else answer();
    });
  }

  #bind(
    verb: string,
    { host, port, zone }: SocketAddr,
    taken: ReadonlySet<MemoryListener | MemoryUdpSocket>,
  ): SocketAddr {
    const cannot = (kind: NetErrorKind) => new NetError(kind, `Cannot ${verb} ${host}: ${kind}`);
    const six = host.includes(":");
    const known = isAny(host) ? this.addrs.some((addr) => addr.includes(":") === six) : this.#has(host);
    if (zone !== zoneOf(host).zone) throw cannot("other"); // EINVAL
    if (!known) throw cannot(isAny(host) ? "family-not-supported" : "address-not-available");
    if (port === 0) return { host, port: this.#internet.nextPort(), ...zoneOf(host) };
    const clash = Array.from(taken).some(({ closed, addr }) =>
      !closed && addr.port === port && (addr.host === host || isAny(addr.host) || isAny(host))
    );
    if (clash) throw cannot("address-in-use");
    return { host, port, ...zoneOf(host) };
  }

  #has(host: string): boolean {
    return isLoopback(host) || this.addrs.includes(host) || this.routed.has(host);
  }

  #note(exit: Exit | undefined, host: string | undefined): void {
    if (!exit || Object.values(exit).every((said) => said === undefined)) return;
    this.exits.push(exit);
    if (exit.freeBind && host !== undefined) this.routed.add(host);
  }

  /** The local address nearest to `host`. */
  #sourceFor(host: string): string | undefined {
    if (isLoopback(host)) return host.includes(":") ? "::1" : "127.0.0.1";
    const same = this.addrs.filter((addr) => addr.includes(":") === host.includes(":"));
    return same.toSorted((a, b) => commonBits(b, host) - commonBits(a, host))[0];
  }

  #find<T extends MemoryListener | MemoryUdpSocket>(among: ReadonlySet<T>, { host, port }: SocketAddr): T | undefined {
    const open = Array.from(among).filter(({ closed, addr }) => !closed && addr.port === port);
    const any = (own: string) => own === "::" || (own === "0.0.0.0" && !host.includes(":"));
    return open.find(({ addr }) => addr.host === host) ?? open.find(({ addr }) => any(addr.host));
  }

  #carry(from: MemoryUdpSocket, { bytes, addr }: Datagram): boolean {
    const source = isAny(from.addr.host) ? this.#sourceFor(addr.host) : from.addr.host;
    if (source === undefined || source.includes(":") !== addr.host.includes(":")) return false;
    const there = this.#internet.owner(addr.host, this);
    if (there) there.#find(there.#udpSockets, addr)?.deliver(bytes, { host: source, port: from.addr.port });
    return true;
  }
}

function later<T>(make: () => T): Promise<T> {
  return Promise.resolve().then(make);
}

/** All link-local addresses of a machine are on one interface. */
function zoneOf(host: string): Pick<SocketAddr, "zone"> {
  return host.startsWith("fe80:") ? { zone: "2" } : {};
}

function isAny(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}

function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

function commonBits(a: string, b: string): number {
  const [one, other] = [parseIp(a)!, parseIp(b)!];
  const at = one.findIndex((octet, i) => octet !== other[i]);
  return at < 0 ? one.length * 8 : at * 8 + Math.clz32(one[at]! ^ other[at]!) - 24;
}
