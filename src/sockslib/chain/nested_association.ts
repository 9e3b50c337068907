import { type Address, ipAddress, isUnspecified, parseIp } from "../../protocol/address.ts";
import { closedKind } from "../../protocol/ip/closed_addresses.ts";
import { Command } from "../../protocol/codes.ts";
import { embeddedIpv4s } from "../../protocol/ip/embedded_ipv4.ts";
import { decodeDatagram, encodeHeader } from "../../protocol/datagram.ts";
import { isLinkLocal } from "../../protocol/ip/zone.ts";
import { NO_ADDRESS } from "../../protocol/request.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Socket, SocketAddr, UdpSocket } from "../../net/socket.ts";
import { type ChainDialler, type Limits, openChain, outgoingTowards } from "./hop_chain.ts";
import { converse } from "./handshake.ts";
import { openFramedAssociation } from "./framed_association.ts";
import type { Hop } from "./hop.ts";
import type { HeadedPayload, OnwardAssociation } from "./onward_association.ts";
import type { Encapsulation } from "../gssapi/encapsulation.ts";
import { joinedAll } from "../../protocol/octets.ts";

/**
 * One UDP association through all of `hops`: an association at each, whose control connection goes through the hops before
 * it; a datagram travels inside that of the hop before (RFC 1928 s7, RFC 3089 s4). Rejects with NetError or ReplyError.
 */
export async function openAssociation(
  dialler: ChainDialler,
  hops: readonly Hop[],
  limits: Limits,
): Promise<OnwardAssociation> {
  if (hops.at(-1)!.udpInTcp) return await openFramedAssociation(dialler, hops, limits);
  const { cut } = limits;
  const over = new Cut(); // a failure cancels the others
  const release = cut.on(() => over.make());
  const controls: Socket[] = [];
  const encapsulations: (Encapsulation | undefined)[] = [];
  try {
    const relays = await Promise.all(hops.map(async (hop, i) => {
      const way = hops.slice(0, i + 1);
      // A gateway that got the client's address would accept the client's datagrams and not ours.
      const own = { ...limits, cut: over, client: undefined };
      const { wire: { socket, encapsulation }, value } = await openChain(dialler, way, own, (wire) => {
        return converse(wire, way, Command.UdpAssociate, zerosLike(knownAddress(wire.socket, hop, i).host));
      });
      controls.push(socket);
      encapsulations[i] = encapsulation;
      encapsulation?.scatter();
      if (over.made) socket.close();
      const at = knownAddress(socket, hop, i);
      return isRelay(value, at, i) ? value : { ...at, port: value.port };
    }));
    const [relay, ...others] = relays as [Address, ...Address[]];
    const { zone } = hops[0]!;
    const first = zone !== undefined && isLinkLocal(relay.host) ? { ...relay, zone } : relay;
    const exit = outgoingTowards(dialler, first);
    const udp = await dialler.net.bindUdp({ host: exit?.localAddr ?? zerosLike(first.host).host, port: 0 }, exit);
    return new NestedAssociation(udp, first, others, controls, encapsulations);
  } catch (error) {
    over.make();
    for (const control of controls) control.close();
    throw error;
  } finally {
    release();
  }
}

/** The source of our datagrams is unknown, but its family is known: Dante refuses the other. */
function zerosLike(host: string): Address {
  return host.includes(":") ? ipAddress("::", 0)! : NO_ADDRESS;
}

/**
 * True if `told` is a usable relay address of hop `i`; otherwise its relay is at the host of the hop. Zeros are not usable. From
 * the first hop, neither is a name, nor an address with a local meaning, such as loopback: our datagrams would reach addresses
 * that are closed to others. Addresses of later hops are judged by the hops before them.
 */
function isRelay(told: Address, hop: Address, i: number): boolean {
  if (isUnspecified(told.host)) return false;
  if (i > 0 || told.host === hop.host) return true;
  const kind = closedKindOf(told.host);
  return kind === undefined || (kind === "loopback" && closedKindOf(hop.host) === kind);
}

function closedKindOf(host: string): string | undefined {
  const octets = parseIp(host);
  if (!octets) return "name";
  const meant = octets.length === 4 ? [octets] : [octets, ...embeddedIpv4s(octets)];
  return meant.map(closedKind).find((kind) => kind !== undefined);
}

/** The address of hop `i`: the first as we connected to it, the others as given to the hop before. */
function knownAddress({ remoteAddr: { host, port } }: Socket, hop: Hop, i: number): Address {
  return i === 0 ? ipAddress(host, port)! : hop.address;
}

/** An established UDP association. It ends when the control connection of any hop does. */
class NestedAssociation implements OnwardAssociation {
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly #udp: UdpSocket;
  /** The relay of the first hop. */
  readonly #first: SocketAddr;
  readonly #others: readonly Address[];
  /** The headers for the other hops' relays, joined into one if nothing is encapsulated. */
  readonly #headers: readonly Uint8Array[];
  readonly #way: Uint8Array;
  /** The encapsulation of datagrams of each hop. */
  readonly #encapsulations: readonly (Encapsulation | undefined)[];
  readonly #controls: readonly Socket[];
  #closed = false;
  #end = () => {};

  constructor(
    udp: UdpSocket,
    first: SocketAddr,
    others: readonly Address[],
    controls: readonly Socket[],
    encapsulations: readonly (Encapsulation | undefined)[],
  ) {
    this.#udp = udp;
    this.#first = first;
    this.#others = others;
    this.#headers = others.map((relay) => encodeHeader(relay));
    this.#way = joinedAll(this.#headers);
    this.#encapsulations = encapsulations.some(Boolean) ? encapsulations : [];
    this.#controls = controls;
    this.ended = new Promise((resolve) => this.#end = resolve);
    for (const control of controls) {
      control.keepAlive(); // only this detects that the gateway has vanished
      void this.#watch(control);
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The relay of the first hop. */
  get remoteAddr(): SocketAddr {
    return this.#first;
  }

  /** Sends datagrams that have a header for their destination; resolves with the number dropped. */
  send(batch: readonly HeadedPayload[]): Promise<number> {
    if (this.#encapsulations.length > 0) return this.#sendWrapped(batch);
    const way = this.#way, addr = this.#first;
    return this.#udp.send(batch.map(({ header, payload }) => ({ bytes: joinedAll([way, header, payload]), addr })));
  }

  /** Received datagrams, each with the header of its source, or null at the end. The views are valid until the next receive(). */
  async receive(): Promise<readonly Uint8Array[] | null> {
    const { host, port } = this.#first;
    for (let batch = await this.#udp.receive(); batch; batch = await this.#udp.receive()) {
      const inner = batch.flatMap(({ bytes, addr }) => {
        const unwrapped = addr.host === host && addr.port === port ? this.#unwrap(bytes) : undefined;
        return unwrapped ? [unwrapped] : [];
      });
      if (inner.length > 0) return inner;
    }
    return null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const control of this.#controls) control.close();
    this.#udp.close();
    this.#end();
  }

  async #sendWrapped(batch: readonly HeadedPayload[]): Promise<number> {
    const addr = this.#first;
    const datagrams = batch.flatMap((one) => {
      const bytes = this.#wrap(one);
      return bytes ? [{ bytes, addr }] : [];
    });
    return batch.length - datagrams.length + await this.#udp.send(datagrams);
  }

  /** The datagram with the headers for all relays, each in a token of its hop; undefined if it is too large. */
  #wrap({ header, payload }: HeadedPayload): Uint8Array | undefined {
    let bytes: Uint8Array = joinedAll([header, payload]);
    try {
      for (let i = this.#headers.length; i >= 0; i--) {
        bytes = this.#encapsulations[i]?.wrap(bytes) ?? bytes;
        if (i > 0) bytes = joinedAll([this.#headers[i - 1]!, bytes]);
      }
      return bytes;
    } catch (error) {
      if (error instanceof NetError) return undefined;
      throw error;
    }
  }

  /** The datagram inside the headers of all relays; undefined if it comes from elsewhere. */
  #unwrap(bytes: Uint8Array): Uint8Array | undefined {
    try {
      bytes = this.#open(0, bytes);
      let hop = 0;
      for (const relay of this.#others) {
        const { fragment, address, payload } = decodeDatagram(bytes);
        const expected = address.port === relay.port && (address.host === relay.host || !ipAddress(relay.host, 0));
        if (fragment !== 0 || !expected) return undefined;
        bytes = this.#open(++hop, payload);
      }
      return bytes;
    } catch {
      return undefined; // it is dropped alone
    }
  }

  /** A datagram of a hop. Throws NetError or ProtocolError. */
  #open(hop: number, bytes: Uint8Array): Uint8Array {
    return this.#encapsulations[hop]?.unwrapMessage(bytes) ?? bytes;
  }

  async #watch(control: Socket): Promise<void> {
    try {
      while (await control.read() !== null); // octets on it are ignored
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    } finally {
      this.close();
    }
  }
}
