import type { Config } from "../../config/config.ts";
import type { Answering } from "../../dns/mapped/mapped_answer.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { FakeAddresses, FakePair } from "../../sockslib/fake/fake_addresses.ts";
import { reverseAddress } from "../../sockslib/fake/reverse_name.ts";
import { log } from "../log/log.ts";
import type { DnsManner, QueryOutcome } from "./fake_dns.ts";

/** Time to live of a fake address in an answer (s): much shorter than the table keeps an unused one. */
const TTL_S = 60;

const PTR = 12;

/** Minimum interval between log lines about names without an address (ms). */
const TELL_MS = 60_000;

/** Reserved names, which are not in the DNS (RFC 6762 s3, RFC 6761 s6.4, RFC 7686 s2). */
const noNames = /(^|\.)(local|invalid|onion)$/;

/** Settings and servers for answers, until a reload replaces them. */
export interface Naming {
  readonly config: Pick<Config, "fakeDnsCheck" | "fakeDnsExclude" | "fakeJournal">;
  /** Resolves by the real DNS. */
  readonly resolver: Resolver;
  /** Servers to which queries are forwarded, by UDP and TCP. */
  readonly servers: () => readonly SocketAddr[];
}

/** Answers of a router's DNS: fake addresses, and real servers' answers for excluded names. */
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
  /** True if the journal accepted the last name; a failure is logged once. */
  #keeps = true;
  /** Time of the last line about names without an address (ms). */
  #toldAt = -Infinity;

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

  /** Throws NetError, also if the journal cannot be written. */
  #fake(name: string, client: string): FakePair | undefined {
    try {
      const pair = this.#names.fake(name, isHere(client) ? undefined : client);
      this.#keeps = true;
      return pair;
    } catch (error) {
      if (error instanceof NetError) {
        this.#tellRefusal(client, error);
        throw error;
      }
      const { code, message } = error as { readonly code?: string; readonly message: string };
      const state = `Cannot keep the fake address of a name: ${code ?? message}`;
      if (this.#keeps) log.error(state, { file: this.#naming?.config.fakeJournal });
      this.#keeps = false;
      throw new NetError("other", state, { cause: error });
    }
  }

  /** No address is free, for this client or for any. */
  #tellRefusal(client: string, error: NetError): void {
    const now = systemClock.now();
    if (now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    log.warning("no fake address for a name", { client, error: error.message });
  }

  /** Rejects with NetError if the look-up fails. */
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

/** True for a client on this host. It may ask for others, as dnsmasq does, so its names count for no client. */
function isHere(client: string): boolean {
  return client === "::/64" || client.startsWith("127.");
}
