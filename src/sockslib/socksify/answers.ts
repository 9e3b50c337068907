import { domainToASCII } from "node:url";
import { NetError } from "../../net/error.ts";
import { parseIp } from "../../protocol/address.ts";
import type { FakeAddresses, FakePair } from "../fake/fake_addresses.ts";
import type { Destinations } from "./routing.ts";

/** Answers of the resolver calls: a name's addresses are fake ones (RFC 3089 s2). */
export class Answers {
  readonly #destinations: Destinations;
  readonly #table: FakeAddresses;
  readonly #exists: (name: string) => Promise<boolean>;

  /** `exists` asks the gateway; true also if it cannot tell. */
  constructor(destinations: Destinations, table: FakeAddresses, exists: (name: string) => Promise<boolean>) {
    this.#destinations = destinations;
    this.#table = table;
    this.#exists = exists;
  }

  /**
   * The fake addresses of `host`; undefined if it is a literal or goes directly. Rejects with NetError "no-such-name".
   */
  addresses(host: string): Promise<FakePair> | undefined {
    if (host === "" || host.includes("%") || parseIp(host) || this.#destinations.isDirect(host)) return undefined;
    return this.#ask(host);
  }

  /** The name of a fake `address`; undefined for a real one. */
  name(address: string): string | undefined {
    return this.#table.nameOf(address);
  }

  /** The same for a name below in-addr.arpa or ip6.arpa. */
  pointer(name: string): string | undefined {
    return this.#table.pointer(name);
  }

  /** `addresses` are those of a name that goes directly. */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) this.#destinations.learn(address);
  }

  async #ask(host: string): Promise<FakePair> {
    const name = domainToASCII(host), unknown = `Cannot resolve '${host}': `;
    const pair = this.#table.fake(name);
    if (!pair || name.length > 253) throw new NetError("no-such-name", `${unknown}not a name`);
    if (!await this.#exists(name)) throw new NetError("no-such-name", `${unknown}the gateway knows no such name`);
    return pair;
  }
}
