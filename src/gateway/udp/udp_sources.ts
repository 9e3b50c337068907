import { type Address, ipAddress } from "../../protocol/address.ts";
import { encodeHeader } from "../../protocol/datagram.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { GatewaySettings } from "../settings.ts";
import { UsageList, type Used } from "./usage_list.ts";

/** One place that may answer, with the header that tells the client so. */
interface Source extends Used<Source> {
  readonly addr: SocketAddr;
  header: Uint8Array;
  /** As the client knows it. */
  host: string;
  answeredAt: number;
}

/** Who may answer, and as whom the client knows each. */
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

  /** The header that tells the client whence a datagram from `addr` comes; undefined where the filter keeps it out. */
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

  /** When that one answered last; a function that is made once, not for each datagram. */
  readonly answeredAt = ({ host, port }: SocketAddr): number =>
    this.#sources.get(host)?.get(port)?.answeredAt ?? -Infinity;

  /** Forgets who has not been sent to, nor answered, since `before`. */
  forget(before: number): void {
    const byUse = this.#byUse;
    for (let old = byUse.oldest; old && old.usedAt < before; old = byUse.oldest) this.#remove(old);
  }

  /** Nobody may answer any more who is not sent to again. */
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
