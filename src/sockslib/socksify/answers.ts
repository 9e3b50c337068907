import { domainToASCII } from "node:url";
import { NetError } from "../../net/error.ts";
import { ipAddress, nameAddress, parseIp } from "../../protocol/address.ts";
import type { Destinations, NameTable } from "./destinations.ts";

/** What stands for a name, in each family. */
export interface FakePair {
  readonly v4: string;
  readonly v6: string;
}

export interface FakeTable extends NameTable {
  /** The addresses that stand for `name`. */
  fake(name: string): FakePair;
}

/** Answers of the resolver calls: a name's addresses are fake ones (RFC 3089 s2). */
export class Answers {
  readonly #destinations: Destinations;
  readonly #table: FakeTable;
  readonly #exists: (name: string) => Promise<boolean>;

  /** `exists` asks the gateway; true also where that cannot tell. */
  constructor(destinations: Destinations, table: FakeTable, exists: (name: string) => Promise<boolean>) {
    this.#destinations = destinations;
    this.#table = table;
    this.#exists = exists;
  }

  /**
   * The fake addresses of `host`; undefined where it is a literal or goes directly. Rejects with NetError "no-such-name".
   */
  addresses(host: string): Promise<FakePair> | undefined {
    if (host === "" || host.includes("%") || parseIp(host) || this.#destinations.isDirect(host)) return undefined;
    return this.#ask(host);
  }

  /** What `address` stands for; undefined where it is not fake. */
  name(address: string): string | undefined {
    const literal = ipAddress(address, 0)?.host;
    return literal !== undefined && this.#table.covers(literal) ? this.#table.nameOf(literal) : undefined;
  }

  /** `addresses` are what a name that goes directly resolved to. */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) this.#destinations.learn(address);
  }

  async #ask(host: string): Promise<FakePair> {
    const name = domainToASCII(host);
    try {
      nameAddress(name, 0);
      if (name.length > 253) throw new RangeError("too long");
    } catch (cause) {
      throw new NetError("no-such-name", `Cannot resolve '${host}': not a name`, { cause });
    }
    if (!await this.#exists(name)) {
      throw new NetError("no-such-name", `Cannot resolve '${host}': the gateway knows no such name`);
    }
    return this.#table.fake(name);
  }
}
