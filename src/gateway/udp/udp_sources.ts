import { type Address, ipAddress } from "../../protocol/address.ts";
import { encodeHeader } from "../../protocol/datagram.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { GatewaySettings } from "../settings.ts";
import { UsageList, type Used } from "./usage_list.ts";

/** One source that may answer, with its header for the client. */
interface Source extends Used<Source> {
  readonly addr: SocketAddr;
  header: Uint8Array;
  /** The address towards the client. */
  host: string;
  answeredAt: number;
}

/** The sources that may answer, each with its address towards the client. */
export class Sources {
  readonly #settings: GatewaySettings;
  /** By host and port. */
  readonly #sources = new Map<string, Map<number, Source>>();
  readonly #byUse = new UsageList<Source>();

  constructor(settings: GatewaySettings) {
    this.#settings = settings;
  }

  /** Notes that the client has sent to `addr`, which may answer from now on, as `known`. */
  sentTo(addr: SocketAddr, known: Address, now: number): void {
    const source = this.#sources.get(addr.host)?.get(addr.port);
    if (!source) return this.#add(addr, known, now);
    this.#byUse.use(source, now);
    if (source.host === known.host) return;
    source.host = known.host;
    source.header = encodeHeader(known);
  }

  /** The header for datagrams from `addr`; undefined if the filter drops them. */
  headerFrom(addr: SocketAddr, now: number): Uint8Array | undefined {
    const ports = this.#sources.get(addr.host);
    const known = ports?.get(addr.port);
    if (known) {
      known.answeredAt = now;
      this.#byUse.use(known, now);
      return known.header;
    }
    const { udpFilter: filter } = this.#settings;
    const open = filter === "endpoint-independent" || (filter === "address-dependent" && ports !== undefined);
    if (!open) return undefined;
    const host = ports?.values().next().value?.host ?? addr.host;
    return encodeHeader(ipAddress(host, addr.port)!);
  }

  /** The time of an address's last answer; a function made once, not for each datagram. */
  readonly answeredAt = ({ host, port }: SocketAddr): number =>
    this.#sources.get(host)?.get(port)?.answeredAt ?? -Infinity;

  /** Removes sources that were neither sent to nor answered since `before`. */
  forget(before: number): void {
    const byUse = this.#byUse;
    for (let old = byUse.oldest; old && old.usedAt < before; old = byUse.oldest) this.#remove(old);
  }

  /** Removes all sources: only addresses that are sent to again may answer. */
  forgetAll(): void {
    this.forget(Infinity);
  }

  #add(addr: SocketAddr, { host }: Address, now: number): void {
    let ports = this.#sources.get(addr.host);
    if (!ports) this.#sources.set(addr.host, ports = new Map());
    const header = encodeHeader(ipAddress(host, addr.port)!);
    const source: Source = {
      addr,
      header,
      host,
      answeredAt: -Infinity,
      usedAt: now,
      newer: undefined,
      older: undefined,
    };
    ports.set(addr.port, source);
    this.#byUse.add(source, now);
    const { maxUdpDestinations } = this.#settings;
    if (this.#byUse.size > maxUdpDestinations) this.#remove(this.#byUse.oldest!);
  }

  #remove(source: Source): void {
    const { host, port } = source.addr;
    const ports = this.#sources.get(host)!;
    ports.delete(port);
    this.#byUse.remove(source);
    if (ports.size === 0) this.#sources.delete(host);
  }
}
