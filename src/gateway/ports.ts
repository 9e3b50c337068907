import { NetError } from "../net/error.ts";
import type { PortRange } from "./settings.ts";

/** Binds to a free port of `range`, or to any. The start is random, so that the next port is not foreseen. Rejects with NetError. */
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
