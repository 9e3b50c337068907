import { foldName, parseIp } from "../protocol/address.ts";
import type { Clock } from "../net/clock.ts";
import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Net } from "../net/socket.ts";
import { type Asker, THE_GATEWAY } from "../turns/fair_queue.ts";
import { few, ordered } from "./address_order.ts";
import { isAskable, type Outcome } from "./servers/answer.ts";
import type { Ear } from "./asked.ts";
import { Cache, type Learnt } from "./cache.ts";
import { type AskServers, Lookups } from "./lookups.ts";
import type { Question } from "./servers/message.ts";
import type { Found, Resolver } from "./resolver.ts";
import type { Servers } from "./servers/servers.ts";

/** Names in the cache, of each kind. */
const DEFAULT_LIMIT = 10_000;

/** Lifetime of a failure (RFC 2308 s7, RFC 9520 s3.2), and of an answer while the other family failed. */
const FAILURE_MS = 5_000, HALF_MS = 30_000;

/** Lifetime of a negative answer: if the server gives none, and at most (RFC 2308 s5). */
const NEGATIVE_MS = 5_000, MAX_NEGATIVE_MS = 900_000;

/** Maximum aliases followed beyond those in the answer. */
const MAX_FOLLOWED = 8;

const ptrLimitShare = 0.1;

export interface DnsResolverOptions {
  /** Names that are kept. */
  readonly limit?: number | undefined;
  readonly ear?: Ear | undefined;
  /** True if IPv6 addresses are never needed. */
  readonly noIpv6?: boolean;
}

/** Names by DNS servers, cached for their time to live. */
export class DnsResolver implements Resolver {
  readonly #servers: Servers;
  readonly #net: Pick<Net, "localAddrFor">;
  readonly #types: readonly ("A" | "AAAA")[];
  readonly #addresses: Cache<readonly string[]>;
  readonly #names: Cache<string>;

  constructor(
    servers: Servers,
    net: Pick<Net, "localAddrFor">,
    clock: Clock,
    { limit = DEFAULT_LIMIT, ear, noIpv6 = false }: DnsResolverOptions = {},
  ) {
    this.#servers = servers;
    this.#net = net;
    this.#types = noIpv6 ? ["A"] : ["AAAA", "A"];
    const lookups = new Lookups(servers, clock);
    const { turns } = lookups;
    this.#addresses = new Cache<readonly string[]>(
      clock,
      limit,
      turns,
      (name, early, unwanted, turn) =>
        lookups.run(name, unwanted, turn, (ask) => this.#askBoth(name, ask, early, unwanted)),
      ear?.cached,
    );
    this.#names = new Cache<string>(
      clock,
      Math.ceil(limit * ptrLimitShare),
      turns,
      (address, _, unwanted, turn) => lookups.run(address, unwanted, turn, (ask) => askName(address, ask)),
      ear?.cached,
    );
  }

  resolve(name: string, cut?: Cut, asker: Asker = THE_GATEWAY): Promise<readonly string[]> {
    const key = foldName(name);
    return isAskable(key) ? this.#addresses.get(key, asker, cut) : Promise.reject(noSuchName(name));
  }

  async first(name: string, cut?: Cut, asker: Asker = THE_GATEWAY): Promise<Found> {
    const key = foldName(name);
    if (!isAskable(key)) throw noSuchName(name);
    const { value, whole } = await this.#addresses.partly(key, asker, cut);
    return whole ? { hosts: value, all: whole.catch(() => value) } : { hosts: value };
  }

  reverse(address: string, cut?: Cut, asker: Asker = THE_GATEWAY): Promise<string> {
    return this.#names.get(address, asker, cut);
  }

  close(): void {
    this.#servers.close();
  }

  async #askBoth(
    name: string,
    ask: AskServers,
    early: (hosts: readonly string[]) => void,
    unwanted: Cut,
  ): Promise<Learnt<readonly string[]>> {
    const told: Outcome[] = [];
    let failure: NetError | undefined;
    const half = async (type: "A" | "AAAA") => {
      try {
        const outcome = await followed(ask, { name, type });
        told.push(outcome);
        if (outcome.data.length > 0) early(await ordered(this.#net, few(outcome.data)));
      } catch (error) {
        failure = error as NetError;
      }
    };
    await Promise.all(this.#types.map(half));
    const good = told.filter(({ data }) => data.length > 0);
    if (failure && (good.length === 0 || unwanted.made)) return failed(failure);
    const ttlMs = Math.min(...(good.length > 0 ? good : told).map(({ ttlMs }) => ttlMs ?? NEGATIVE_MS));
    if (good.length === 0) return { error: noSuchName(name), ttlMs: Math.min(ttlMs, MAX_NEGATIVE_MS) };
    const hosts = await ordered(this.#net, few(good.flatMap(({ data }) => data)));
    return { value: hosts, ttlMs: failure ? Math.min(ttlMs, HALF_MS) : ttlMs };
  }
}

async function askName(address: string, ask: AskServers): Promise<Learnt<string>> {
  try {
    const { data, ttlMs = NEGATIVE_MS } = await followed(ask, { name: pointerName(address), type: "PTR" });
    const [name] = data;
    return name === undefined
      ? { error: noSuchName(address), ttlMs: Math.min(ttlMs, MAX_NEGATIVE_MS) }
      : { value: name, ttlMs };
  } catch (error) {
    return failed(error as NetError);
  }
}

/** Asks, and once more for each alias that the server did not follow. */
async function followed(ask: AskServers, question: Question): Promise<Outcome> {
  let { name } = question, ttl = Infinity;
  for (let i = 0; i < MAX_FOLLOWED; i++) {
    const outcome = await ask({ ...question, name });
    if (outcome.ttlMs !== undefined) ttl = Math.min(ttl, outcome.ttlMs);
    if (outcome.alias === undefined || !isAskable(outcome.alias)) {
      return { ...outcome, ttlMs: ttl === Infinity ? undefined : ttl };
    }
    name = outcome.alias;
  }
  throw new NetError("name-lookup-failed", `Cannot resolve '${question.name}': too many aliases`);
}

/** The meaning of a failure for the name. Throws the failure if it has none: all callers have left, or the queue was full. */
function failed(error: NetError): Learnt<never> {
  if (error.kind === "aborted" || error.kind === "busy") throw error;
  return { error, ttlMs: FAILURE_MS };
}

function noSuchName(name: string): NetError {
  return new NetError("no-such-name", `Cannot resolve '${name}': no such name`);
}

/** The name of an address's PTR records (RFC 1035 s3.5, RFC 3596 s2.5). */
function pointerName(address: string): string {
  const octets = parseIp(address);
  if (!octets) throw new NetError("no-such-name", `Cannot resolve '${address}': not an address`);
  if (octets.length === 4) return `${Array.from(octets).reverse().join(".")}.in-addr.arpa`;
  const nibbles = Array.from(octets).reverse().flatMap((octet) => [octet & 15, octet >> 4]);
  return `${nibbles.map((nibble) => nibble.toString(16)).join(".")}.ip6.arpa`;
}
