import type { Cut } from "../net/cut.ts";
import type { Asker } from "../turns/fair_queue.ts";

/** The addresses known of a name so far. */
export interface Found {
  /** Canonical IP literals in the order to try them; at least one. */
  readonly hosts: readonly string[];
  /** These and those of the other family, in order, while the other family is pending. Never rejects. */
  readonly all?: Promise<readonly string[]>;
}

/**
 * DNS name resolving delegation (RFC 3089 s3): the gateway asks, not the client. All reject with NetError: "no-such-name",
 * "name-lookup-failed", "busy", or "aborted". Work that must queue takes a turn of `asker`; without an asker, of the gateway
 * itself.
 */
export interface Resolver {
  /** Addresses of `name`, canonical IP literals in the order to try them; at least one. */
  resolve(name: string, cut?: Cut, asker?: Asker): Promise<readonly string[]>;
  /** The same as soon as one family has answered (RFC 8305 s3). */
  first(name: string, cut?: Cut, asker?: Asker): Promise<Found>;
  /** The name of an IP literal. */
  reverse(address: string, cut?: Cut, asker?: Asker): Promise<string>;
}
