import { type Hop, parseHops } from "../chain/hop.ts";
import { Exclusions } from "./exclusions.ts";

export interface Settings {
  readonly hops: readonly [Hop, ...Hop[]];
  readonly direct: Exclusions;
}

/**
 * Reads GATE46_SOCKSIFY_VIA, the gateways, nearest first, and GATE46_SOCKSIFY_DIRECT, the direct destinations. Throws Error with
 * the variable's name, never with credentials: a program must not start unsocksified by mistake.
 */
export function readSettings(variable: (name: string) => string | undefined): Settings {
  return {
    hops: read(variable, "VIA", readHops),
    direct: read(variable, "DIRECT", (text) => new Exclusions(text)),
  };
}

function readHops(text: string): Settings["hops"] {
  const hops = parseHops(text.split(",").map((part) => part.trim()).filter(Boolean));
  // The lent connection is the application's own, which must lead to its destination unchanged.
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
  if (text === undefined && variable(former)) { // which is now the gateway's own setting, or unused
    throw new Error(`Cannot socksify: ${name} is not set, and ${former} is no longer read for it`);
  }
  try {
    return parse(text ?? "");
  } catch (error) {
    throw new Error(`Cannot socksify: ${name}: ${(error as Error).message}`);
  }
}
