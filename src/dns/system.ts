import { lookup } from "node:dns/promises";
import { ipAddress } from "../protocol/address.ts";
import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Resolver } from "./resolver.ts";

/** getaddrinfo: its order (RFC 6724), /etc/hosts, search domains. */
export function systemResolver(): Resolver {
  return resolveByLookup(look);
}

/** A resolver that asks `look`; lookups of one name at one time share an answer. */
export function resolveByLookup(look: (name: string) => Promise<readonly string[]>): Resolver {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return {
    resolve(name, cut) {
      const key = name.toLowerCase();
      let answer = underWay.get(key);
      if (!answer) {
        answer = look(key).finally(() => underWay.delete(key));
        underWay.set(key, answer);
      }
      return cut ? orAborted(answer, cut, name) : answer;
    },
  };
}

async function look(name: string): Promise<readonly string[]> {
  let found;
  try {
    found = await lookup(name, { all: true, order: "verbatim" });
  } catch (error) {
    const { code } = error as { code?: string };
    const kind = code === "ENOTFOUND" ? "no-such-name" : "name-lookup-failed";
    throw new NetError(kind, `Cannot resolve '${name}': ${code ?? error}`, { cause: error });
  }
  const hosts = found.map(({ address }) => ipAddress(address.split("%", 1)[0]!, 0)?.host);
  const unique = [...new Set(hosts.filter((host) => host !== undefined))];
  if (unique.length === 0) throw new NetError("no-such-name", `Cannot resolve '${name}': no address`);
  return unique;
}

/** getaddrinfo cannot be called off; whoever waits can leave. */
function orAborted<T>(answer: Promise<T>, cut: Cut, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = cut.on(() => reject(new NetError("aborted", `Cannot resolve '${name}': given up`)));
    answer.then(resolve, reject).finally(release);
  });
}
