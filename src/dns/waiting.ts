import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";

/** Whoever waits for an answer that others share can leave; the question goes on. */
export function orAborted<T>(answer: Promise<T>, cut: Cut, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = cut.on(() => reject(new NetError("aborted", `Cannot resolve '${name}': given up`)));
    answer.then(resolve, reject).finally(release);
  });
}
