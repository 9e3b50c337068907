import { lookup, reverse } from "node:dns/promises";
import { ipAddress } from "../../protocol/address.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import { type Asker, FairQueue, THE_GATEWAY } from "../../turns/fair_queue.ts";
import { SharedWork } from "../../turns/shared_work.ts";
import { few } from "../address_order.ts";
import { type Ear, heardLookup } from "../asked.ts";
import type { Resolver } from "../resolver.ts";
import { stateOf } from "../../net/error_words.ts";

/** Lookups that wait for a thread. */
const WAITING = { all: 8_192, client: 4_096, user: 4_096 };

/**
 * Turns at the runtime's `threads` threads that call getaddrinfo. A lookup keeps its thread until it ends, even after its
 * callers have left; so with several threads, no client gets all of them.
 */
export function lookupTurns(threads: number): FairQueue {
  const client = Math.max(1, Math.min(threads - 1, threads >> 1));
  return new FairQueue("resolve names", { all: threads, client, user: client }, WAITING);
}

/** Threads of a runtime whose number is unknown. */
const SOME_THREADS = 4;

/** getaddrinfo: its order (RFC 6724), /etc/hosts, search domains. Each lookup is reported to `ear`. */
export function systemResolver(ear?: Ear, turns: FairQueue = lookupTurns(SOME_THREADS)): Resolver {
  return resolveByLookup(look, lookBack, turns, ear);
}

/** A resolver that asks `lookup`, and `lookupBack` for an address, in turns; simultaneous requests for one name share an answer. */
export function resolveByLookup(
  lookup: (name: string) => Promise<readonly string[]>,
  lookupBack: (address: string) => Promise<string>,
  turns: FairQueue,
  ear?: Ear,
): Resolver {
  const looking = new SharedWork<readonly string[]>(turns), lookingBack = new SharedWork<string>(turns);
  const resolve = (name: string, cut?: Cut, asker: Asker = THE_GATEWAY) => {
    const key = name.toLowerCase();
    return looking.ask(key, asker, cut, () => heardLookup(ear, () => lookup(key)));
  };
  return {
    resolve,
    async first(name, cut, asker) {
      return { hosts: await resolve(name, cut, asker) };
    },
    reverse: (address, cut, asker = THE_GATEWAY) =>
      lookingBack.ask(address, asker, cut, () => heardLookup(ear, () => lookupBack(address))),
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
  const known = few(hosts.filter((host) => host !== undefined));
  if (known.length === 0) throw new NetError("no-such-name", `Cannot resolve '${name}': no address`);
  return known;
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
  return new NetError(kind, `Cannot resolve '${what}': ${stateOf(error)}`, { cause: error });
}
