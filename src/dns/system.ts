import { lookup, reverse } from "node:dns/promises";
import { ipAddress } from "../protocol/address.ts";
import { NetError } from "../net/error.ts";
import { type Ear, heardLookup } from "./asked.ts";
import type { Resolver } from "./resolver.ts";
import { orAborted } from "./waiting.ts";

/** getaddrinfo: its order (RFC 6724), /etc/hosts, search domains. */
export function systemResolver(ear?: Ear): Resolver {
  return resolveByLookup(look, lookBack, ear);
}

/**
 * A resolver that asks `lookup`, and `lookupBack` for an address; lookups of one name at one time share an answer. `ear`
 * hears of each that is made.
 */
export function resolveByLookup(
  lookup: (name: string) => Promise<readonly string[]>,
  lookupBack: (address: string) => Promise<string>,
  ear?: Ear,
): Resolver {
  const look = ear ? heardLookup(lookup, ear) : lookup;
  const lookBack = ear ? heardLookup(lookupBack, ear) : lookupBack;
  const underWay = new Map<string, Promise<readonly string[]>>();
  const resolve: Resolver["resolve"] = (name, cut) => {
    const key = name.toLowerCase();
    let answer = underWay.get(key);
    if (!answer) {
      answer = look(key).finally(() => underWay.delete(key));
      underWay.set(key, answer);
    }
    return cut ? orAborted(answer, cut, name) : answer;
  };
  return {
    resolve,
    async first(name, cut) {
      return { hosts: await resolve(name, cut) };
    },
    reverse: (address, cut) => cut ? orAborted(lookBack(address), cut, address) : lookBack(address),
  };
}

async function look(name: string): Promise<readonly string[]> {
  let found;
  try {
    found = await lookup(name, { all: true, order: "verbatim" });
  } catch (error) {
    throw failure(name, error);
  }
  const hosts = found.map(({ address }) => ipAddress(address.split("%", 1)[0]!, 0)?.host);
  const unique = [...new Set(hosts.filter((host) => host !== undefined))];
  if (unique.length === 0) throw new NetError("no-such-name", `Cannot resolve '${name}': no address`);
  return unique;
}

async function lookBack(address: string): Promise<string> {
  let names;
  try {
    names = await reverse(address);
  } catch (error) {
    throw failure(address, error);
  }
  const [name] = names;
  if (name === undefined) throw new NetError("no-such-name", `Cannot resolve '${address}': no name`);
  return name;
}

function failure(what: string, error: unknown): NetError {
  const { code } = error as { code?: string };
  const kind = code === "ENOTFOUND" || code === "ENODATA" ? "no-such-name" : "name-lookup-failed";
  return new NetError(kind, `Cannot resolve '${what}': ${code ?? error}`, { cause: error });
}
