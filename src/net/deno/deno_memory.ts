import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Runs a garbage collection now, which takes about ten milliseconds. */
export function collect(): void {
  (gc ??= collector())();
  (trim ??= trimmer())();
}

let gc: (() => void) | undefined;

/** Executables are made with --expose-gc. Deno 2.4 takes that flag at its start alone, and does without where it was not given. */
function collector(): () => void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc) return gc;
  try {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as () => void;
  } catch {
    return () => {};
  }
}

let trim: (() => void) | undefined;

/** Returns freed memory of threads to the system, which glibc does not do by itself: malloc_trim(3). */
function trimmer(): () => void {
  try {
    const symbols = { malloc_trim: { parameters: ["usize"], result: "i32" } } as const;
    const glibc = Deno.dlopen("libc.so.6", symbols);
    return () => void glibc.symbols.malloc_trim(0n);
  } catch {
    return () => {}; // another libc, or no foreign functions
  }
}
