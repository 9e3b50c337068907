import { type Hop, parseHops } from "../chain/hop.ts";
import { Exclusions } from "./exclusions.ts";

export interface Settings {
  readonly hops: readonly [Hop, ...Hop[]];
  readonly direct: Exclusions;
}

/**
 * Reads GATE46_SOCKSIFY_VIA, the gateways, nearest first, and GATE46_SOCKSIFY_DIRECT, what goes directly all the same. Throws Error naming
 * the variable, never credentials: a program that was to be socksified must not start without being it.
 */
export function readSettings(variable: (name: string) => string | undefined): Settings {
  return {
    hops: read(variable, "VIA", readHops),
    direct: read(variable, "DIRECT", (text) => new Exclusions(text)),
  };
}

function readHops(text: string): Settings["hops"] {
  const hops = parseHops(text.split(",").map((part) => part.trim()).filter(Boolean));
  // What is lent is the application's own connection, which must lead to its destination as it is.
  if (hops.some(({ tls }) => tls)) {
    throw new RangeError("Cannot go through a gateway over TLS (put a gate46 before it)");
  }
  return hops as readonly [Hop, ...Hop[]];
}

function read<T>(
  variable: (name: string) => string | undefined,
  what: "VIA" | "DIRECT",
  parse: (text: string) => T,
): T {
  const name = `GATE46_SOCKSIFY_${what}`, former = `GATE46_${what}`;
  const text = variable(name);
  if (text === undefined && variable(former)) { // which is now the gateway's alone, or nobody's
    throw new Error(`Cannot socksify: ${name} is not set, and ${former} is no longer read for it`);
  }
  try {
    return parse(text ?? "");
  } catch (error) {
    throw new Error(`Cannot socksify: ${name}: ${(error as Error).message}`);
  }
}
