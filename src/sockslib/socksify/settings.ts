import { type Hop, parseHops } from "../hop.ts";
import { Exclusions } from "./exclusions.ts";

export interface Settings {
  readonly hops: readonly [Hop, ...Hop[]];
  readonly direct: Exclusions;
}

/**
 * Reads GATE46_VIA, the gateways, nearest first, and GATE46_DIRECT, what goes directly all the same. Throws Error naming
 * the variable, never credentials: a program that was to be socksified must not start without being it.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  return {
    hops: read(environment, "GATE46_VIA", readHops),
    direct: read(environment, "GATE46_DIRECT", (text) => new Exclusions(text)),
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
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  parse: (text: string) => T,
): T {
  try {
    return parse(environment[name] ?? "");
  } catch (error) {
    throw new Error(`Cannot socksify: ${name}: ${(error as Error).message}`);
  }
}
