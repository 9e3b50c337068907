import { NetError } from "../../net/error.ts";
import type { PortRange } from "../settings.ts";

/** Ports below it belong to the machine's own services (RFC 6335 s6); clients do not get them. */
const FIRST_USER_PORT = 1_024;

/** Binds to `wanted` if it is free and allowed for clients, else as bindInRange() does. Rejects with NetError. */
export async function bindWanted<T>(
  wanted: number,
  range: PortRange | undefined,
  bind: (port: number) => Promise<T>,
): Promise<T> {
  const allowed = wanted >= FIRST_USER_PORT && (!range || (wanted >= range.first && wanted <= range.last));
  try {
    if (allowed) return await bind(wanted);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  }
  return await bindInRange(range, bind);
}

/** Binds to a free port of `range`, or to any port. The search starts at random, so that the next port is unpredictable. Rejects with NetError. */
export async function bindInRange<T>(range: PortRange | undefined, bind: (port: number) => Promise<T>): Promise<T> {
  if (!range) return await bind(0);
  const count = range.last - range.first + 1;
  const start = crypto.getRandomValues(new Uint32Array(1))[0]! % count;
  for (let i = 0; i < count; i++) {
    try {
      return await bind(range.first + (start + i) % count);
    } catch (error) {
      if (!(error instanceof NetError) || error.kind !== "address-in-use") throw error;
    }
  }
  throw new NetError("address-in-use", `Cannot bind a port: ${range.first}-${range.last} are all taken`);
}
