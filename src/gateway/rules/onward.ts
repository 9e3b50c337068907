import type { Address } from "../../protocol/address.ts";
import type { WayOut } from "../way_out.ts";
import type { Verdict } from "./rule.ts";

/** What judging comes to where the destination is not dialled, but goes on through an upstream. */
export class Onward {
  readonly via: readonly string[];
  /** By what the rule wants it to leave. */
  readonly wayOut: WayOut | undefined;
  /** The name, unresolved, or the very address that was judged. */
  readonly destination: Address;

  constructor({ via, wayOut }: Verdict, destination: Address) {
    this.via = via!;
    this.wayOut = wayOut;
    this.destination = destination;
  }
}
