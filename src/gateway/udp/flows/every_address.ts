import { addressText, isUnspecified } from "../../../protocol/address.ts";
import type { Clock } from "../../../net/clock.ts";
import { NetError } from "../../../net/error.ts";
import type { Datagram, Net, SocketAddr, UdpSocket } from "../../../net/socket.ts";

/** Interval between checks of this machine's addresses (ms). */
const LOOK_MS = 10_000;

export interface AddressNeeds {
  readonly net: Pick<Net, "bindUdp" | "localAddrs">;
  readonly clock: Clock;
}

/** What becomes of what its sockets receive. */
export interface Receiver {
  /** The view of its octets is valid during the call. */
  take(datagram: Datagram, socket: UdpSocket): void;
  /** That socket is closed. */
  ended?(socket: UdpSocket): void;
}

/** A UDP socket on every address of this machine that `addr` means, so that answers leave from the one that was asked. */
export class EveryAddress {
  readonly #needs: AddressNeeds;
  readonly #receiver: Receiver;
  readonly #reusePort: boolean;
  #addr: SocketAddr;
  readonly #sockets = new Map<string, UdpSocket>();
  #cancelLook = () => {};
  #closed = false;

  private constructor(needs: AddressNeeds, addr: SocketAddr, receiver: Receiver, reusePort: boolean) {
    this.#needs = needs;
    this.#addr = addr;
    this.#receiver = receiver;
    this.#reusePort = reusePort;
  }

  /** Rejects with NetError. */
  static async open(
    needs: AddressNeeds,
    addr: SocketAddr,
    receiver: Receiver,
    reusePort = false,
  ): Promise<EveryAddress> {
    const all = new EveryAddress(needs, addr, receiver, reusePort);
    try {
      if (isUnspecified(addr.host)) await all.#follow(true);
      else await all.#bind(addr);
    } catch (error) {
      all.stop();
      all.close();
      throw error;
    }
    return all;
  }

  /** With the port that it has. */
  get addr(): SocketAddr {
    return this.#addr;
  }

  /** It follows no other addresses any more. */
  stop(): void {
    this.#closed = true;
    this.#cancelLook();
  }

  close(): void {
    this.stop();
    for (const socket of this.#sockets.values()) socket.close();
  }

  /** Binds this machine's addresses and releases those that are gone; repeats after a while. */
  async #follow(first = false): Promise<void> {
    const { net, clock } = this.#needs;
    const wanted = net.localAddrs().filter((host) => isWithin(this.#addr.host, host));
    for (const [host, socket] of this.#sockets) if (!wanted.includes(host)) socket.close();
    for (const host of wanted) {
      if (this.#sockets.has(host) || this.#closed) continue;
      try {
        await this.#bind({ host, port: this.#addr.port });
      } catch (error) {
        const isNotReady = error instanceof NetError && error.kind === "address-not-available"; // not there yet, or no longer
        if (first && !isNotReady) throw error;
      }
    }
    if (first && this.#sockets.size === 0) {
      throw new NetError("address-not-available", `Cannot listen on ${addressText(this.#addr)}: no such address here`);
    }
    if (!this.#closed) this.#cancelLook = clock.after(LOOK_MS, () => void this.#follow());
  }

  async #bind(addr: SocketAddr): Promise<void> {
    const socket = await this.#needs.net.bindUdp(addr, undefined, { reusePort: this.#reusePort });
    if (this.#closed) return socket.close();
    if (this.#addr.port === 0) this.#addr = { ...this.#addr, port: socket.addr.port };
    this.#sockets.set(addr.host, socket);
    void this.#pump(addr.host, socket);
  }

  async #pump(host: string, socket: UdpSocket): Promise<void> {
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      for (const datagram of batch) this.#receiver.take(datagram, socket);
    }
    this.#sockets.delete(host);
    this.#receiver.ended?.(socket);
  }
}

/** True if a listener on `any` covers that address; a link-local one needs a listener of its own, with its zone. */
function isWithin(any: string, host: string): boolean {
  return /^fe[89ab]/i.test(host) ? false : any === "::" || !host.includes(":");
}
