import type { Address } from "../../protocol/address.ts";
import type { Answers } from "./answers.ts";
import type { Destinations } from "./routing.ts";
import type { Upstream } from "./socksify_upstream.ts";

/** What the replaced calls use. */
export interface Socksifier {
  readonly destinations: Destinations;
  readonly answers: Answers;
  readonly upstream: Upstream;
  /** Pins the fake addresses of `via`'s name, if it is a name, until the returned function is called. */
  pin(via: Address): () => void;
}
