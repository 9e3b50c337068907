import type { Address } from "../../protocol/address.ts";
import type { WayOut } from "../way_out.ts";
import type { Verdict } from "./rule.ts";

/** Thrown by judging, as Refusal is: the destination is not dialled, it goes on through an upstream. */
export class Onward extends Error {
  override readonly name = "Onward";
  readonly via: readonly string[];
  /** By what the rule wants it to leave. */
  readonly wayOut: WayOut | undefined;
  /** The name, unresolved, or the very address that was judged. */
  readonly destination: Address;

  constructor({ rule, via, wayOut }: Verdict, destination: Address) {
    super(`Goes on through an upstream: ${rule}`);
    this.via = via!;
    this.wayOut = wayOut;
    this.destination = destination;
  }
}
