import type { Address } from "../../protocol/address.ts";
import type { WayOut } from "../way_out.ts";
import type { Verdict } from "./rule.ts";

/** The verdict for a destination that is reached through an upstream. */
export class Onward {
  readonly via: readonly string[];
  /** The source that the rule sets. */
  readonly wayOut: WayOut | undefined;
  /** The unresolved name, or the judged address. */
  readonly destination: Address;

  constructor({ via, wayOut }: Verdict, destination: Address) {
    this.via = via!;
    this.wayOut = wayOut;
    this.destination = destination;
  }
}
