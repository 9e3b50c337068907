import dns from "node:dns";
import promises from "node:dns/promises";
import { NetError } from "../../../net/error.ts";
import type { FakePair } from "../../fake/fake_addresses.ts";
import type { Answers } from "../answers.ts";
import { errorCode, NO_NAME } from "../system_errors.ts";

/** A function of node:dns, whichever it is. */
// deno-lint-ignore no-explicit-any
type Call = (this: any, ...args: any[]) => any;
type Members = Record<string, Call | undefined>;

/** An answer, or undefined for the runtime's own call. */
type Ask = (...args: unknown[]) => Promise<unknown> | undefined;

interface LookupOptions {
  readonly family?: number | "IPv4" | "IPv6";
  readonly all?: boolean;
  readonly order?: "ipv4first" | "ipv6first" | "verbatim";
}

/**
 * Replaces the lookups of addresses and names in node:dns: functions, methods of both
 * Resolvers, with callbacks and with promises. Records of other types are still asked of the host's own servers.
 */
export function replaceDns(answers: Answers): void {
  const lookup: Ask = (host, options) => typeof host === "string" ? lookUp(answers, host, options) : undefined;
  replace(
    dns as unknown as Members,
    "lookup",
    (original) => withCallback(original, lookup, spreadLookup, learnOf(answers)),
  );
  for (const module of new Set([dns.promises, promises])) {
    replace(module as unknown as Members, "lookup", (original) => withPromise(original, lookup, learnOf(answers)));
  }
  const asks: Readonly<Record<string, Ask>> = {
    resolve4: (name, options) => records(answers, name, "A", options),
    resolve6: (name, options) => records(answers, name, "AAAA", options),
    resolve: (name, type) => records(answers, name, type === undefined || typeof type === "function" ? "A" : type),
    resolveAny: (name) => records(answers, name, "ANY"),
    resolvePtr: (name) => pointer(answers, name),
    reverse: (address) => reverse(answers, address),
    lookupService: (address, port) => service(answers, address, port),
  };
  for (const [name, ask] of Object.entries(asks)) {
    for (const owner of [dns, dns.Resolver.prototype]) {
      replace(owner as unknown as Members, name, (original) => withCallback(original, ask, spreadService(name)));
    }
    for (const owner of new Set([dns.promises, promises, dns.promises.Resolver.prototype])) {
      replace(owner as unknown as Members, name, (original) => withPromise(original, ask));
    }
  }
}

function replace(owner: Members, name: string, make: (original: Call) => Call): void {
  const original = owner[name];
  if (typeof original !== "function") return;
  const replacement = make(original);
  // util.promisify() looks for symbols of the original's.
  Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(original));
  owner[name] = replacement;
}

function withPromise(original: Call, ask: Ask, learn?: (result: unknown) => void): Call {
  return function (...args) {
    const answer = ask(...args);
    if (answer) return answer;
    const result = original.apply(this, args);
    return learn ? Promise.resolve(result).then((value) => (learn(value), value)) : result;
  };
}

function withCallback(
  original: Call,
  ask: Ask,
  spread: (value: unknown) => unknown[],
  learn?: (...result: unknown[]) => void,
): Call {
  return function (...args) {
    const callback = args.at(-1);
    const answer = typeof callback === "function" ? ask(...args.slice(0, -1)) : undefined;
    if (answer) {
      answer.then((value) => spread(value), (error) => [error]).then((result) => {
        // Out of the promise, so that what the callback throws is the application's uncaught exception.
        setImmediate(() => result[0] instanceof Error ? callback(result[0]) : callback(null, ...result));
      });
      return {};
    }
    if (!learn || typeof callback !== "function") return original.apply(this, args);
    return original.call(this, ...args.slice(0, -1), (error: unknown, ...result: unknown[]) => {
      if (!error) learn(...result);
      callback(error, ...result);
    });
  };
}

/** `lookup` with these options: dns.lookup's result for fake addresses. */
function lookUp(answers: Answers, host: string, given: unknown): Promise<unknown> | undefined {
  const options: LookupOptions = typeof given === "object" && given !== null
    ? given
    : { family: given as LookupOptions["family"] };
  const pair = answers.addresses(host);
  return pair?.then((pair) => {
    const found = inOrder(pair, options.order).filter(({ family }) => wanted(options.family, family));
    return options.all ? found : found[0];
  }, (error) => {
    throw nameError(error, "getaddrinfo", host);
  });
}

function inOrder({ ipv4, ipv6 }: FakePair, order: LookupOptions["order"]): { address: string; family: 4 | 6 }[] {
  const both = [{ address: ipv4, family: 4 as const }, { address: ipv6, family: 6 as const }];
  return order === "ipv6first" ? both.reverse() : both;
}

function wanted(family: unknown, have: 4 | 6): boolean {
  if (family === 4 || family === "IPv4") return have === 4;
  return family === 6 || family === "IPv6" ? have === 6 : true;
}

function records(answers: Answers, host: unknown, type: unknown, options?: unknown): Promise<unknown> | undefined {
  if (typeof host !== "string" || (type !== "A" && type !== "AAAA" && type !== "ANY")) return undefined;
  const ttl = typeof options === "object" && options !== null && (options as { ttl?: boolean }).ttl === true;
  return answers.addresses(host)?.then(({ ipv4, ipv6 }) => {
    if (type === "ANY") {
      return [{ type: "A", address: ipv4, ttl: 0 }, { type: "AAAA", address: ipv6, ttl: 0 }];
    }
    const address = type === "A" ? ipv4 : ipv6;
    return [ttl ? { address, ttl: 0 } : address];
  }, (error) => {
    throw nameError(error, `query${type === "AAAA" ? "Aaaa" : type === "A" ? "A" : "Any"}`, host);
  });
}

function reverse(answers: Answers, address: unknown): Promise<string[]> | undefined {
  const name = typeof address === "string" ? answers.name(address) : undefined;
  return name === undefined ? undefined : Promise.resolve([name]);
}

function pointer(answers: Answers, name: unknown): Promise<string[]> | undefined {
  const found = typeof name === "string" ? answers.pointer(name) : undefined;
  return found === undefined ? undefined : Promise.resolve([found]);
}

function service(answers: Answers, address: unknown, port: unknown): Promise<unknown> | undefined {
  const hostname = typeof address === "string" ? answers.name(address) : undefined;
  return hostname === undefined ? undefined : Promise.resolve({ hostname, service: String(port) });
}

/** dns.lookup's callback takes the address and its family apart, lookupService's the name and the service. */
function spreadLookup(value: unknown): unknown[] {
  if (Array.isArray(value)) return [value];
  const { address, family } = value as { address: string; family: number };
  return [address, family];
}

function spreadService(name: string): (value: unknown) => unknown[] {
  if (name !== "lookupService") return (value) => [value];
  return (value) => {
    const { hostname, service } = value as { hostname: string; service: string };
    return [hostname, service];
  };
}

function learnOf(answers: Answers): (result: unknown) => void {
  return (result) => {
    const found = Array.isArray(result) ? result : [result];
    answers.learn(found.map((entry) => typeof entry === "string" ? entry : (entry as { address: string }).address));
  };
}

function nameError(cause: unknown, syscall: string, hostname: string): Error {
  const code = cause instanceof NetError ? errorCode(cause) : "EAI_AGAIN";
  const known = code === "ENOTFOUND" ? code : "EAI_AGAIN";
  const errno = syscall !== "getaddrinfo" ? undefined : known === "ENOTFOUND" ? NO_NAME : TRY_AGAIN;
  return Object.assign(new Error(`${syscall} ${known} ${hostname}`, { cause }), {
    errno,
    code: known,
    syscall,
    hostname,
  });
}

/** libuv's UV_EAI_AGAIN. */
const TRY_AGAIN = -3001;
