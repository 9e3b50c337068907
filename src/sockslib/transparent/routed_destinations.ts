import { type Address, ipAddress, nameAddress, parseIp } from "../../protocol/address.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { FakePool } from "../fake/fake_pool.ts";
import type { NamesReader } from "../fake/shared_names.ts";

/** Like MappedDestinations, with a table that another thread writes. */
export class RoutedDestinations {
  readonly #names: Pick<NamesReader, "pin" | "unpin">;
  readonly #pools: readonly FakePool[];
  /** For each name in use: its number, and its count of users. */
  readonly #used = new Map<string, { readonly number: number; count: number }>();

  constructor(names: Pick<NamesReader, "pin" | "unpin">, pools: readonly Prefix[]) {
    this.#names = names;
    this.#pools = pools.map((prefix) => new FakePool(prefix));
  }

  /** Undefined for a fake address without a name. */
  of({ host, port }: SocketAddr): Address | undefined {
    const octets = parseIp(host);
    for (const pool of this.#pools) {
      if (!octets || !pool.prefix.contains(octets)) continue;
      const number = pool.number(host);
      const name = number === undefined ? undefined : this.#names.pin(number);
      if (name === undefined) return undefined;
      const used = this.#used.get(name);
      if (used) used.count++;
      else this.#used.set(name, { number: number!, count: 1 });
      return nameAddress(name, port);
    }
    return ipAddress(host, port);
  }

  /** Notes the end of a connection. */
  left({ host }: Address): void {
    const used = this.#used.get(host);
    if (!used) return;
    this.#names.unpin(used.number);
    if (--used.count === 0) this.#used.delete(host);
  }
}
