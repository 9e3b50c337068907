import {
  decodeDatagram,
  encodeHeader,
  headerSize,
  MAX_PAYLOAD_SIZE,
  Reassembly,
  type RelayedDatagram,
} from "../../protocol/datagram.ts";
import { type DropReason, relayType } from "../../events.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../../net/socket.ts";
import type { Conversation } from "../commands/conversation.ts";
import type { OnwardAssociation } from "../../sockslib/chain/onward_association.ts";
import { DestinationAudit } from "./destination_audit.ts";
import type { ClientEnd } from "./client_end.ts";
import { type Destination, Destinations } from "./udp_destinations.ts";
import { FarSide } from "./far_side.ts";
import { Outbox } from "./outbox.ts";
import { Sources } from "./udp_sources.ts";
import { Links } from "./upstream_links.ts";

/** RFC 1928 s7 requires at least 5 s. */
const REASSEMBLY_MS = 10_000;

/** One UDP association: a socket on the client's side, and the far side. A datagram that cannot be forwarded is dropped alone. */
export class Association {
  readonly #conversation: Conversation;
  readonly #down: UdpSocket;
  readonly #client: ClientEnd;
  readonly #up: FarSide;
  readonly #links: Links;
  readonly #sources: Sources;
  readonly #destinations: Destinations;
  readonly #audit: DestinationAudit | undefined;
  readonly #reassembly = new Reassembly(REASSEMBLY_MS);
  #clientFragments = false;
  #cancelSweep = () => {};
  #closed = false;

  constructor(conversation: Conversation, down: UdpSocket, client: ClientEnd) {
    this.#conversation = conversation;
    this.#down = down;
    this.#client = client;
    this.#up = new FarSide(conversation, (socket) => void this.#pumpDown(socket), (count) => this.#drop("lost", count));
    this.#links = new Links(conversation, (link) => void this.#pumpBack(link));
    this.#sources = new Sources(conversation.settings);
    this.#audit = DestinationAudit.of(conversation, (link) => this.#links.chainOf(link));
    this.#destinations = new Destinations(
      conversation,
      this.#links,
      this.#sources,
      this.#audit,
      (destination) => this.#sendWaiting(destination),
    );
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
    this.#up.close();
    this.#audit?.close();
  }

  async #pumpUp(): Promise<void> {
    for (let batch = await this.#down.receive(); batch; batch = await this.#down.receive()) {
      const now = this.#conversation.clock.now();
      for (const datagram of batch) this.#takeUp(datagram, now);
      await this.#up.flush();
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

  /** Destinations of a stranger's datagrams may not answer the client, and its fragments are not the client's. */
  #hear(addr: SocketAddr, now: number): void {
    if (!this.#client.heard(addr, now)) return;
    this.#sources.forgetAll();
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
    if (destination.drop) return this.#dropFor(destination, destination.drop, now);
    const { link, trial } = destination;
    if (trial?.over === false) this.#destinations.aim(destination, trial, now);
    const addr = destination.addr ?? link?.remoteAddr;
    if (!addr) {
      if (!this.#destinations.wait(destination, payload)) this.#dropFor(destination, "lost", now);
      return;
    }
    const { record } = this.#conversation;
    if (this.#conversation.bandwidth()?.passes("up", payload.length) === false) {
      return this.#dropFor(destination, "throttled", now);
    }
    if (link) this.#up.addOnward(link, { header: destination.onwardHeader, payload });
    else {
      this.#sources.sentTo(addr, destination.known!, now);
      this.#up.add({ bytes: payload, addr }, destination.known!.wayOut);
    }
    record.relayType ??= relayType(record.client, addr);
    record.remote ??= addr;
    record.counts.up += payload.length;
    record.datagrams.up++;
    this.#audit?.sent(destination, addr, payload.length, now);
  }

  #sendWaiting(destination: Destination): void {
    const waiting = this.#destinations.takeWaiting(destination);
    if (this.#closed) return;
    const now = this.#conversation.clock.now();
    for (const payload of waiting) this.#queue(destination, payload, now);
    void this.#up.flush();
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
    const { record } = this.#conversation;
    const to = this.#client.addr;
    const header = to && this.#sources.headerFrom(addr, now);
    if (!header) return this.#drop("unsolicited");
    const tooLarge = header.length + bytes.length > MAX_PAYLOAD_SIZE;
    if (tooLarge && !this.#clientFragments) return this.#dropFrom(addr, "too-large", now);
    if (this.#conversation.bandwidth()?.passes("down", bytes.length) === false) {
      return this.#dropFrom(addr, "throttled", now);
    }
    this.#audit?.received(addr, bytes.length, now);
    record.counts.down += bytes.length;
    record.datagrams.down++;
    if (!tooLarge) return outbox.add(header, bytes, to);
    const half = bytes.length >> 1;
    outbox.add(withFragment(header, 1), bytes.subarray(0, half), to);
    outbox.add(withFragment(header, 0x82), bytes.subarray(half), to);
  }

  /** Datagrams from an upstream have a header already, and have passed the upstream's filter. */
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
      this.#audit?.receivedBack(bytes.subarray(0, size), bytes.length - size!, this.#conversation.clock.now());
    }
    return !drop;
  }

  #sweepLater(): void {
    const { clock, settings: { udpIdleMs } } = this.#conversation;
    this.#cancelSweep = clock.after(udpIdleMs / 2, () => {
      this.#destinations.forget(clock.now() - udpIdleMs);
      this.#sources.forget(clock.now() - udpIdleMs);
      this.#sweepLater();
    });
  }

  #dropFor(destination: Destination, reason: DropReason, now: number): void {
    this.#audit?.dropped(destination, reason, now);
    this.#drop(reason);
  }

  #dropFrom(addr: SocketAddr, reason: DropReason, now: number): void {
    this.#audit?.droppedFrom(addr, reason, now);
    this.#drop(reason);
  }

  #drop(reason: DropReason, count = 1): void {
    const { dropped } = this.#conversation.record;
    if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
  }
}

/** Undefined for an invalid one too. */
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
