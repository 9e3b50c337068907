import type { Config } from "../../config/config.ts";
import type { Answering } from "../../dns/mapped/mapped_answer.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { FakeAddresses, FakePair } from "../../sockslib/fake/fake_addresses.ts";
import { reverseAddress } from "../../sockslib/fake/reverse_name.ts";
import { log } from "../log/log.ts";
import type { DnsManner, QueryOutcome } from "./fake_dns.ts";

/** How long a fake address may be kept by who asked (s): much less than the table keeps one that nobody uses. */
const TTL_S = 60;

const PTR = 12;

/** Reserved: no DNS knows them (RFC 6762 s3, RFC 6761 s6.4, RFC 7686 s2). */
const noNames = /(^|\.)(local|invalid|onion)$/;

/** By what names are told, until another holds. */
export interface Naming {
  readonly config: Pick<Config, "fakeDnsCheck" | "fakeDnsExclude" | "fakeJournal">;
  /** Knows the real DNS. */
  readonly resolver: Resolver;
  /** Servers that speak for themselves, by UDP and TCP. */
  readonly servers: () => readonly SocketAddr[];
}

/** What a router's DNS says: fake addresses, and what real servers say of names that are left to them. */
export class NameAnswers implements DnsManner {
  /** So far. */
  readonly queries: Record<QueryOutcome, number> = {
    answered: 0,
    forwarded: 0,
    "no-such-name": 0,
    failed: 0,
    refused: 0,
    dropped: 0,
  };
  readonly #names: FakeAddresses;
  #naming: Naming | undefined;
  /** Whether the journal took the last name: once is said that it does not. */
  #keeps = true;

  constructor(names: FakeAddresses) {
    this.#names = names;
  }

  apply(naming: Naming): void {
    this.#naming = naming;
  }

  count(outcome: QueryOutcome): void {
    this.queries[outcome]++;
  }

  answering(client: string): Answering {
    return {
      names: { fake: (name) => this.#fake(name, client), pointer: (name) => this.#names.pointer(name) },
      ttlS: TTL_S,
      exists: (name) => this.#exists(name, client),
    };
  }

  serversFor(name: string, type: number): readonly SocketAddr[] | undefined {
    const naming = this.#naming;
    const excluded = naming?.config.fakeDnsExclude.some(({ name: of, itself, below }) =>
      (itself && name === of) || (below && (of === "" || name.endsWith(`.${of}`)))
    );
    const address = type === PTR ? reverseAddress(name) : undefined;
    return excluded || (address !== undefined && !this.#names.covers(address)) ? naming?.servers() : undefined;
  }

  /** Throws NetError, also where it cannot be kept. */
  #fake(name: string, client: string): FakePair | undefined {
    try {
      const pair = this.#names.fake(name, isHere(client) ? undefined : client);
      this.#keeps = true;
      return pair;
    } catch (error) {
      if (error instanceof NetError) throw error;
      const { code, message } = error as { readonly code?: string; readonly message: string };
      const state = `Cannot keep the fake address of a name: ${code ?? message}`;
      if (this.#keeps) log.error(state, { file: this.#naming?.config.fakeJournal });
      this.#keeps = false;
      throw new NetError("other", state, { cause: error });
    }
  }

  /** Rejects with NetError where it cannot be found out. */
  async #exists(name: string, client: string): Promise<boolean> {
    if (noNames.test(name)) return false;
    if (!this.#naming?.config.fakeDnsCheck) return true;
    try {
      await this.#naming.resolver.first(name, undefined, { client });
      return true;
    } catch (error) {
      if (error instanceof NetError && error.kind === "no-such-name") return false;
      throw error;
    }
  }
}

/** Who asks from here asks for others, as dnsmasq does: no share is theirs alone. */
function isHere(client: string): boolean {
  return client === "::/64" || client.startsWith("127.");
}
