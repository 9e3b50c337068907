import process from "node:process";

/** Resolves when the reader of standard output has gone, as with `| head`. */
let gone: Promise<void> | undefined;

/** Writes to standard output, and resolves when all is written: on Bun, exiting earlier cuts text in a full pipe. */
export async function print(text: string): Promise<void> {
  gone ??= new Promise((resolve) => process.stdout.on("error", () => resolve()));
  const left = new Promise<void>((resolve) => {
    try {
      process.stdout.write(text, () => resolve());
    } catch {
      resolve(); // the reader has gone: Deno 2.4 throws then
    }
  });
  await Promise.race([left, gone]);
}
