import { type Address, ipAddress, nameAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { FakeAddresses } from "../fake/fake_addresses.ts";

/** The destination of connections to an address: a fake one stands for a name (RFC 3089 s2), which is pinned while in use. */
export class MappedDestinations {
  readonly #names: FakeAddresses;
  /** Pins by name, one for each name in use. */
  readonly #pins = new Map<string, (() => void)[]>();

  constructor(names: FakeAddresses) {
    this.#names = names;
  }

  /** Undefined for a fake address without a name. */
  of({ host, port }: SocketAddr): Address | undefined {
    const name = this.#names.nameOf(host);
    if (name === undefined) {
      return this.#names.covers(host) ? undefined : ipAddress(host, port);
    }
    const pins = this.#pins.get(name) ?? [];
    pins.push(this.#names.pin(name));
    this.#pins.set(name, pins);
    return nameAddress(name, port);
  }

  /** Notes the end of a connection. */
  left({ host }: SocketAddr): void {
    const pins = this.#pins.get(host);
    pins?.pop()?.();
    if (pins?.length === 0) this.#pins.delete(host);
  }
}
