import type { Cut } from "../net/cut.ts";

/** DNS name resolving delegation (RFC 3089 s3): the gateway asks, not the client. */
export interface Resolver {
  /**
   * Addresses of `name`, canonical IP literals in the order to try them; at least one. Rejects with NetError:
   * "no-such-name", "name-lookup-failed", or "aborted".
   */
  resolve(name: string, cut?: Cut): Promise<readonly string[]>;
}
