import {
  decodeDatagram,
  encodeHeader,
  headerSize,
  MAX_PAYLOAD_SIZE,
  Reassembly,
  type RelayedDatagram,
} from "../../protocol/datagram.ts";
import { type DropReason, relayType } from "../../events.ts";
import type { Datagram, Exit, SocketAddr, UdpSocket } from "../../net/socket.ts";
import type { Conversation } from "../commands/conversation.ts";
import type { HeadedPayload, OnwardAssociation } from "../../sockslib/chain/onward_association.ts";
import type { ClientEnd } from "./client_end.ts";
import { type Destination, Destinations } from "./udp_destinations.ts";
import type { WayOut } from "../way_out.ts";
import { Links } from "./upstream_links.ts";

/** RFC 1928 s7 wants at least 5 s. */
const REASSEMBLY_MS = 10_000;

type Family = "ipv4" | "ipv6";

/** Towards destinations. */
const MAX_SOCKETS = 16;

/**
 * One UDP association: a socket on the client's side, one on the far side for each family that is used. A datagram that
 * cannot go on costs only itself.
 */
export class Association {
  readonly #conversation: Conversation;
  readonly #down: UdpSocket;
  readonly #client: ClientEnd;
  /** By the family, or by what datagrams leave where that was chosen. */
  readonly #up = new Map<Family | Exit, Promise<UdpSocket | undefined>>();
  readonly #links: Links;
  readonly #destinations: Destinations;
  readonly #reassembly = new Reassembly(REASSEMBLY_MS);
  /** Datagrams of one batch, by the socket they leave from. */
  #outgoing = new Map<Family | Exit, Datagram[]>();
  /** The same for upstreams. */
  #onward = new Map<OnwardAssociation, HeadedPayload[]>();
  #clientFragments = false;
  #cancelSweep = () => {};
  #closed = false;

  constructor(conversation: Conversation, down: UdpSocket, client: ClientEnd) {
    this.#conversation = conversation;
    this.#down = down;
    this.#client = client;
    this.#links = new Links(conversation, (link) => void this.#pumpBack(link));
    this.#destinations = new Destinations(conversation, this.#links, (destination) => this.#sendWaiting(destination));
  }

  /** Starts relaying. */
  run(): void {
    this.#sweepLater();
    void this.#pumpUp();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelSweep();
    this.#down.close();
    this.#destinations.close();
    this.#links.close();
    for (const opening of this.#up.values()) void opening.then((socket) => socket?.close());
  }

  async #pumpUp(): Promise<void> {
    for (let batch = await this.#down.receive(); batch; batch = await this.#down.receive()) {
      const now = this.#conversation.clock.now();
      for (const datagram of batch) this.#takeUp(datagram, now);
      await this.#flush();
    }
  }

  #takeUp({ bytes, addr }: Datagram, now: number): void {
    if (!this.#client.admits(addr, now)) return this.#drop("stranger");
    try {
      const size = headerSize(bytes);
      if (size === undefined) return this.#drop("malformed");
      if (bytes[2] === 0) {
        const destination = this.#destinations.find(bytes.subarray(0, size), now);
        this.#hear(addr, now);
        this.#reassembly.abandon();
        this.#queue(destination, bytes.subarray(size), now);
      } else {
        const fragment = decodeDatagram(bytes);
        this.#hear(addr, now);
        this.#takeFragment(fragment, now);
      }
    } catch {
      this.#drop("malformed");
    }
  }

  /** Whom a stranger sent to may not answer the client, nor are the stranger's fragments the client's. */
  #hear(addr: SocketAddr, now: number): void {
    if (!this.#client.heard(addr, now)) return;
    this.#destinations.forgetSources();
    this.#reassembly.abandon();
  }

  #takeFragment(fragment: RelayedDatagram, now: number): void {
    this.#clientFragments = true;
    const before = this.#reassembly.size;
    const whole = this.#reassembly.add(fragment, now);
    if (whole) this.#queue(this.#destinations.find(encodeHeader(whole.address), now), whole.payload, now);
    else if (this.#reassembly.size <= before) this.#drop("fragment");
  }

  #queue(destination: Destination, payload: Uint8Array, now: number): void {
    if (destination.drop) return this.#drop(destination.drop);
    const { link, trial } = destination;
    if (trial?.over === false) this.#destinations.aim(destination, trial, now);
    const addr = destination.addr ?? link?.remoteAddr;
    if (!addr) {
      if (!this.#destinations.wait(destination, payload)) this.#drop("lost");
      return;
    }
    const { record, bandwidth } = this.#conversation;
    if (bandwidth?.passes("up", payload.length) === false) return this.#drop("throttled");
    if (link) this.#queueOnward(link, { header: destination.onwardHeader, payload });
    else {
      this.#destinations.sentTo(addr, destination.known!, now);
      this.#queueOut(destination.known!.wayOut, { bytes: payload, addr });
    }
    record.relayType ??= relayType(record.client, addr);
    record.remote ??= addr;
    record.counts.up += payload.length;
    record.datagrams.up++;
  }

  #queueOnward(link: OnwardAssociation, headed: HeadedPayload): void {
    const batch = this.#onward.get(link);
    if (batch) batch.push(headed);
    else this.#onward.set(link, [headed]);
  }

  #queueOut(wayOut: WayOut | undefined, datagram: Datagram): void {
    const { addr: { host } } = datagram;
    const by = this.#conversation.exits?.towards(host, wayOut) ?? (host.includes(":") ? "ipv6" : "ipv4");
    const batch = this.#outgoing.get(by);
    if (batch) batch.push(datagram);
    else this.#outgoing.set(by, [datagram]);
  }

  #sendWaiting(destination: Destination): void {
    const waiting = this.#destinations.takeWaiting(destination);
    if (this.#closed) return;
    const now = this.#conversation.clock.now();
    for (const payload of waiting) this.#queue(destination, payload, now);
    void this.#flush();
  }

  /** All is taken before the first wait: what it holds are views, which go when the caller receives again. */
  async #flush(): Promise<void> {
    const outgoing = this.#outgoing;
    this.#outgoing = new Map();
    if (this.#onward.size > 0) await this.#flushOnward();
    for (const [by, batch] of outgoing) {
      const socket = await this.#upSocket(by, batch[0]!.addr);
      this.#drop("lost", socket ? await socket.send(batch) : batch.length);
    }
  }

  async #flushOnward(): Promise<void> {
    const onward = this.#onward;
    this.#onward = new Map();
    for (const [link, batch] of onward) this.#drop("lost", await link.send(batch));
  }

  #upSocket(by: Family | Exit, towards: SocketAddr): Promise<UdpSocket | undefined> {
    let opening = this.#up.get(by);
    if (!opening) {
      if (this.#up.size >= MAX_SOCKETS) this.#closeEldest();
      this.#up.set(by, opening = this.#openUp(by, towards));
    }
    return opening;
  }

  /** Of those of rules with ways out of their own there may be any number. */
  #closeEldest(): void {
    const [[by, opening]] = this.#up as unknown as [[Family | Exit, Promise<UdpSocket | undefined>]];
    this.#up.delete(by);
    void opening.then((socket) => socket?.close());
  }

  async #openUp(by: Family | Exit, { host }: SocketAddr): Promise<UdpSocket | undefined> {
    const exit = typeof by === "object" ? by : undefined;
    try {
      if (exit?.localAddr !== undefined) this.#conversation.record.outgoing ??= exit.localAddr;
      const any = host.includes(":") ? "::" : "0.0.0.0";
      const socket = await this.#conversation.net.bindUdp({ host: exit?.localAddr ?? any, port: 0 }, exit);
      if (this.#closed) socket.close();
      void this.#pumpDown(socket);
      return socket;
    } catch {
      this.#up.delete(by); // no descriptor now, which may change, or no such family here
      return undefined;
    }
  }

  async #pumpDown(socket: UdpSocket): Promise<void> {
    const outbox = new Outbox();
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      const now = this.#conversation.clock.now();
      for (const datagram of batch) this.#takeDown(datagram, now, outbox);
      const framed = outbox.take();
      if (framed.length > 0) this.#drop("lost", await this.#down.send(framed));
    }
  }

  #takeDown({ bytes, addr }: Datagram, now: number, outbox: Outbox): void {
    const { settings, record } = this.#conversation;
    const to = this.#client.addr;
    const header = to && this.#destinations.headerFrom(addr, settings.udpFilter, now);
    if (!header) return this.#drop("unsolicited");
    const tooLarge = header.length + bytes.length > MAX_PAYLOAD_SIZE;
    if (tooLarge && !this.#clientFragments) return this.#drop("too-large");
    if (this.#conversation.bandwidth?.passes("down", bytes.length) === false) return this.#drop("throttled");
    record.counts.down += bytes.length;
    record.datagrams.down++;
    if (!tooLarge) return outbox.add(header, bytes, to);
    const half = bytes.length >> 1;
    outbox.add(withFragment(header, 1), bytes.subarray(0, half), to);
    outbox.add(withFragment(header, 0x82), bytes.subarray(half), to);
  }

  /** What comes from an upstream has a header already, and has passed that one's filter. */
  async #pumpBack(link: OnwardAssociation): Promise<void> {
    for (let batch = await link.receive(); batch; batch = await link.receive()) {
      const to = this.#client.addr;
      const taken = to ? batch.filter((bytes) => this.#takeBack(bytes)) : [];
      if (to && taken.length > 0) {
        this.#drop("lost", await this.#down.send(taken.map((bytes) => ({ bytes, addr: to }))));
      }
    }
  }

  #takeBack(bytes: Uint8Array): boolean {
    const size = sizeOfHeader(bytes);
    const drop = size === undefined ? "malformed" : bytes[2] !== 0 ? "fragment" : undefined;
    if (drop) this.#drop(drop);
    else {
      const { record } = this.#conversation;
      record.counts.down += bytes.length - size!;
      record.datagrams.down++;
    }
    return !drop;
  }

  #sweepLater(): void {
    const { clock, settings: { udpIdleMs } } = this.#conversation;
    this.#cancelSweep = clock.after(udpIdleMs / 2, () => {
      this.#destinations.forget(clock.now() - udpIdleMs);
      this.#sweepLater();
    });
  }

  #drop(reason: DropReason, count = 1): void {
    const { dropped } = this.#conversation.record;
    if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
  }
}

/** Headers put in front of payloads, in memory that is used again for the next batch. */
class Outbox {
  #scratch = new Uint8Array(2 << 10);
  #used = 0;
  #batch: Datagram[] = [];

  add(header: Uint8Array, payload: Uint8Array, addr: SocketAddr): void {
    const size = header.length + payload.length;
    if (this.#used + size > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(2 * this.#scratch.length, size)); // the old one lives on in what is queued
      this.#used = 0;
    }
    const bytes = this.#scratch.subarray(this.#used, this.#used += size);
    bytes.set(header);
    bytes.set(payload, header.length);
    this.#batch.push({ bytes, addr });
  }

  /** What was added; it is valid until the next add(). */
  take(): readonly Datagram[] {
    const batch = this.#batch;
    this.#batch = [];
    this.#used = 0;
    return batch;
  }
}

/** Undefined also where it is none. */
function sizeOfHeader(bytes: Uint8Array): number | undefined {
  try {
    return headerSize(bytes);
  } catch {
    return undefined;
  }
}

function withFragment(header: Uint8Array, fragment: number): Uint8Array {
  const copy = header.slice();
  copy[2] = fragment;
  return copy;
}
