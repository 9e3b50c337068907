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
  (trim ??= trimmer())();
}

let trim: (() => void) | undefined;

/** Gives what threads have freed back to the system, which glibc does not by itself: malloc_trim(3). */
function trimmer(): () => void {
  try {
    const symbols = { malloc_trim: { parameters: ["usize"], result: "i32" } } as const;
    const glibc = Deno.dlopen("libc.so.6", symbols);
    return () => void glibc.symbols.malloc_trim(0n);
  } catch {
    return () => {}; // another libc, or no foreign functions
  }
}
