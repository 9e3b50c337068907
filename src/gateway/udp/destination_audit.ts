import { addressText } from "../../protocol/address.ts";
import { decodeDatagram } from "../../protocol/datagram.ts";
import type { DropReason, UdpDestinationRecord } from "../../events.ts";
import type { Clock } from "../../net/clock.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Conversation } from "../commands/conversation.ts";
import type { OnwardAssociation } from "../../sockslib/chain/onward_association.ts";

/** Destinations of one association reported singly within this time (ms); further ones are reported as one sum. */
const TOLD = 1_000, WITHIN_MS = 10_000;

/** A destination, as far as an audit looks at it. */
export interface Audited {
  /** Of its datagrams, as the client sends them. */
  readonly header: Uint8Array;
  /** The upstream it goes on through, and the header that tells that one where to. */
  readonly link: OnwardAssociation | undefined;
  readonly onwardHeader: Uint8Array;
  readonly refusedBy: string | undefined;
}

/** The record of one destination, and the address of its answers. */
interface Entry {
  readonly record: UdpDestinationRecord;
  readonly answers: Set<string>;
  /** Of answers that come back from upstreams by another name. */
  port: number | undefined;
}

/**
 * The counts of each destination of one association, reported when the association drops it, or ends. It holds as many as the association has
 * destinations.
 */
export class DestinationAudit {
  readonly #audit: (destination: UdpDestinationRecord) => void;
  readonly #clock: Clock;
  /** Destinations at a time. */
  readonly #most: number;
  readonly #chainOf: (link: OnwardAssociation) => string | undefined;
  readonly #entries = new Map<Audited, Entry>();
  readonly #byAnswer = new Map<string, Entry>();
  /** By the port, where only one destination has it. */
  readonly #byPort = new Map<number, Entry | null>();
  /** Destinations that are not reported singly, and answers from other addresses. */
  #rest: UdpDestinationRecord | undefined;
  #told = 0;
  #since: number;

  private constructor(
    audit: (destination: UdpDestinationRecord) => void,
    { clock, settings }: Conversation,
    chainOf: (link: OnwardAssociation) => string | undefined,
  ) {
    this.#audit = audit;
    this.#clock = clock;
    this.#since = clock.now();
    this.#most = settings.maxUdpDestinations;
    this.#chainOf = chainOf;
  }

  /** Undefined without an audit; `chainOf` gives the gateways of a link. */
  static of(
    conversation: Conversation,
    chainOf: (link: OnwardAssociation) => string | undefined,
  ): DestinationAudit | undefined {
    return conversation.audit && new DestinationAudit(conversation.audit, conversation, chainOf);
  }

  /** A datagram with so many octets of payload has gone on to `addr`. */
  sent(destination: Audited, addr: SocketAddr, size: number, now: number): void {
    const entry = this.#entry(destination, now);
    const { record } = entry;
    record.lastAt = now;
    record.counts.up += size;
    record.datagrams.up++;
    if (destination.link) return this.#sentOn(entry, destination, destination.link);
    if (record.remote === addr) return;
    record.remote = addr;
    this.#answers(entry, addressText(addr));
  }

  dropped(destination: Audited, reason: DropReason, now: number): void {
    count(this.#entry(destination, now).record, reason, now);
    if (destination.refusedBy !== undefined) this.#entry(destination, now).record.refusedBy = destination.refusedBy;
  }

  /** One has come back from `addr`. */
  received(addr: SocketAddr, size: number, now: number): void {
    answered(this.#byAnswer.get(addressText(addr))?.record ?? this.#others(now), size, now);
  }

  droppedFrom(addr: SocketAddr, reason: DropReason, now: number): void {
    count(this.#byAnswer.get(addressText(addr))?.record ?? this.#others(now), reason, now);
  }

  /** One has come back by an upstream, which says by `header` from whom: seldom by the name that was asked for. */
  receivedBack(header: Uint8Array, size: number, now: number): void {
    const { address } = decodeDatagram(header);
    const entry = this.#byAnswer.get(addressText(address)) ?? this.#byPort.get(address.port);
    answered(entry?.record ?? this.#others(now), size, now);
  }

  /** `former` was judged again: the record continues. */
  renewed(former: Audited, next: Audited): void {
    const entry = this.#entries.get(former);
    if (!entry) return;
    this.#entries.delete(former);
    this.#entries.set(next, entry);
  }

  /** The association knows it no more. */
  forgotten(destination: Audited): void {
    const entry = this.#entries.get(destination);
    if (!entry) return;
    this.#entries.delete(destination);
    for (const answer of entry.answers) if (this.#byAnswer.get(answer) === entry) this.#byAnswer.delete(answer);
    if (entry.port !== undefined && this.#byPort.get(entry.port) === entry) this.#byPort.delete(entry.port);
    this.#tell(entry.record);
  }

  /** The association has ended. */
  close(): void {
    for (const destination of [...this.#entries.keys()]) this.forgotten(destination);
    this.#tellRest();
  }

  #entry(destination: Audited, now: number): Entry {
    let entry = this.#entries.get(destination);
    if (!entry) {
      const record = newRecord(now, decodeDatagram(destination.header).address);
      this.#entries.set(destination, entry = { record, answers: new Set(), port: undefined });
    }
    return entry;
  }

  #sentOn(entry: Entry, { onwardHeader }: Audited, link: OnwardAssociation): void {
    if (entry.port !== undefined) return;
    const { record } = entry;
    record.remote = link.remoteAddr;
    record.via = this.#chainOf(link);
    const { address } = decodeDatagram(onwardHeader);
    entry.port = address.port;
    this.#answers(entry, addressText(address));
    if (this.#byPort.size > this.#most) this.#byPort.clear();
    this.#byPort.set(address.port, this.#byPort.has(address.port) ? null : entry);
  }

  #answers(entry: Entry, from: string): void {
    entry.answers.add(from);
    this.#byAnswer.set(from, entry);
  }

  #others(now: number): UdpDestinationRecord {
    return this.#rest ??= newRecord(now, undefined);
  }

  #tell(record: UdpDestinationRecord): void {
    const now = this.#clock.now();
    if (now - this.#since >= WITHIN_MS) {
      this.#tellRest();
      this.#since = now;
      this.#told = 0;
    }
    if (this.#told++ < TOLD) return this.#audit(record);
    const rest = this.#others(record.startedAt);
    rest.destinations++;
    rest.lastAt = Math.max(rest.lastAt, record.lastAt);
    for (const way of ["up", "down"] as const) {
      rest.counts[way] += record.counts[way];
      rest.datagrams[way] += record.datagrams[way];
    }
    for (const [reason, count] of Object.entries(record.dropped) as [DropReason, number][]) {
      rest.dropped[reason] = (rest.dropped[reason] ?? 0) + count;
    }
  }

  #tellRest(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest) this.#audit(rest);
  }
}

function newRecord(now: number, asked: UdpDestinationRecord["asked"]): UdpDestinationRecord {
  return {
    asked,
    destinations: asked ? 1 : 0,
    startedAt: now,
    lastAt: now,
    counts: { up: 0, down: 0 },
    datagrams: { up: 0, down: 0 },
    dropped: {},
  };
}

function answered(record: UdpDestinationRecord, size: number, now: number): void {
  record.lastAt = now;
  record.counts.down += size;
  record.datagrams.down++;
}

function count(record: UdpDestinationRecord, reason: DropReason, now: number): void {
  record.lastAt = now;
  record.dropped[reason] = (record.dropped[reason] ?? 0) + 1;
}
