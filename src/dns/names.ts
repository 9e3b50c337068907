import { foldName } from "../protocol/address.ts";
import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Asker } from "../turns/fair_queue.ts";
import type { Hosts } from "./hosts.ts";
import type { Found, Resolver } from "./resolver.ts";

export interface NamesOptions {
  /** Names with configured addresses; looked up in this order, before any other source. */
  readonly hosts: readonly (() => Hosts)[];
  readonly system: Resolver;
  /** Configured DNS servers; without any, the system's resolver is asked. */
  readonly dns?: Resolver;
}

/** IPv4 first: programs that listen on one family only are more often on IPv4, and UDP goes to one address only. */
export const loopback: readonly string[] = ["127.0.0.1", "::1"];

/**
 * Which source is asked for a name: configured hosts first; none for `.onion` (RFC 7686 s2), `.invalid` and `localhost`
 * (RFC 6761 s6); the system for `.local`, which is multicast DNS (RFC 6762 s3), and none if DNS servers are configured; only
 * the system for single labels, which need its search domains; else the DNS servers.
 */
export class Names implements Resolver {
  readonly #options: NamesOptions;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  resolve(name: string, cut?: Cut, asker?: Asker): Promise<readonly string[]> {
    const key = foldName(name);
    const known = this.#known(key);
    return known ? Promise.resolve(known) : this.#for(key).resolve(name, cut, asker);
  }

  first(name: string, cut?: Cut, asker?: Asker): Promise<Found> {
    const key = foldName(name);
    const known = this.#known(key);
    return known ? Promise.resolve({ hosts: known }) : this.#for(key).first(name, cut, asker);
  }

  reverse(address: string, cut?: Cut, asker?: Asker): Promise<string> {
    for (const hosts of this.#options.hosts) {
      const name = hosts().names.get(address);
      if (name !== undefined) return Promise.resolve(name);
    }
    if (address === "::1" || address.startsWith("127.")) return Promise.resolve("localhost");
    return (this.#options.dns ?? this.#options.system).reverse(address, cut, asker);
  }

  #known(key: string): readonly string[] | undefined {
    for (const hosts of this.#options.hosts) {
      const found = hosts().addresses.get(key);
      if (found) return found;
    }
    const ours = isIn(key, "localhost") && (this.#options.dns || key !== "localhost"); // which the system knows
    return ours ? loopback : undefined;
  }

  #for(key: string): Resolver {
    const { dns, system } = this.#options;
    if (isIn(key, "onion") || isIn(key, "invalid")) return nobody;
    if (dns && isIn(key, "local")) return nobodyForLocal;
    return dns && key.includes(".") ? dns : system;
  }
}

/** True if a name is that domain or below it. */
export function isIn(key: string, top: string): boolean {
  return key.endsWith(top) && (key.length === top.length || key[key.length - top.length - 1] === ".");
}

const nobody = neverAsking("such names are never asked for");
const nobodyForLocal = neverAsking("no DNS server knows '.local' names; say its addresses as those of a host");

function neverAsking(state: string): Resolver {
  const never = (name: string) => Promise.reject(new NetError("no-such-name", `Cannot resolve '${name}': ${state}`));
  return { resolve: never, first: never, reverse: never };
}
