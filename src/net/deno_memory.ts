import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So many octets that belong to no heap have V8 look for what is not needed, on Deno 2.4. */
const PRESSURE = 8, PRESSURE_SIZE = 64 << 20;

/** Collects what is not needed any more, now: that takes some ten milliseconds. */
export function collect(): void {
  try {
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
  } catch {
    for (let i = 0; i < PRESSURE; i++) new ArrayBuffer(PRESSURE_SIZE); // which is never written to, and so takes none
  }
}
