import process from "node:process";

/** Resolves when nobody reads what is printed any more, as behind `| head`. */
let gone: Promise<void> | undefined;

/** Writes to standard output, and resolves when it has left: on Bun the end of the process would cut what a pipe has no room for yet. */
export async function print(text: string): Promise<void> {
  gone ??= new Promise((resolve) => process.stdout.on("error", () => resolve()));
  const left = new Promise<void>((resolve) => {
    try {
      process.stdout.write(text, () => resolve());
    } catch {
      resolve(); // nobody reads: Deno 2.4 throws then
    }
  });
  await Promise.race([left, gone]);
}
