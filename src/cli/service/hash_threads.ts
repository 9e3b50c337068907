import { timingSafeEqual } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { CheckPassword } from "../../gateway/users/logins.ts";
import { type PasswordHash, scryptOptions, verifyPassword } from "../../gateway/users/password_hash.ts";
import { checkDescriptorsFor } from "./thread_descriptors.ts";

/** A thread that has had nothing to do for so long ends (ms); it takes 10 to 16 MB. */
const IDLE_MS = 10_000;

/** All that a thread of ours runs: what it was given, hashed. It has no file, so that executables need none either. */
const code = `
  Promise.all([import("node:worker_threads"), import("node:crypto")]).then(([{ parentPort }, { scryptSync }]) =>
    parentPort.on("message", ({ password, salt, size, options }) =>
      parentPort.postMessage(scryptSync(password, salt, size, options))));
`;

/**
 * Passwords, hashed in threads of their own: the runtime's, of which there are as few as cores, also wait for the system's
 * resolver. There are as many as are hashed at one time.
 */
export function hashThreads(): CheckPassword {
  const idle: HashThread[] = [];
  return async (password, expected) => {
    let thread, key;
    try {
      thread = idle.pop() ?? newThread();
      key = await thread.derive(password, expected);
    } catch {
      return await verifyPassword(password, expected); // no thread is to be had now
    }
    idle.push(thread);
    thread.restFor(IDLE_MS, () => void idle.splice(idle.indexOf(thread), 1));
    return timingSafeEqual(key, expected.hash);
  };
}

/** Throws NetError where too few descriptors are left for one. */
function newThread(): HashThread {
  checkDescriptorsFor(1, "start a thread");
  return new HashThread();
}

class HashThread {
  readonly #worker = new Worker(code, { eval: true });
  #resting: ReturnType<typeof setTimeout> | undefined;

  /** Rejects where the thread cannot run; it is over then. */
  derive(password: Uint8Array, expected: PasswordHash): Promise<Uint8Array> {
    clearTimeout(this.#resting);
    const worker = this.#worker;
    worker.ref();
    const { salt, hash } = expected;
    return new Promise((resolve, reject) => {
      const settle = (error: unknown, key?: Uint8Array) => {
        worker.off("message", hashed).off("error", failed).off("exit", failed);
        if (key) resolve(key);
        else reject(error);
      };
      const hashed = (key: Uint8Array) => settle(undefined, key);
      const failed = (error: unknown) => settle(error);
      worker.on("message", hashed).on("error", failed).on("exit", failed);
      worker.postMessage({ password, salt, size: hash.length, options: scryptOptions(expected) });
    });
  }

  /** Ends it after so long, unless it is wanted before. */
  restFor(ms: number, ended: () => void): void {
    this.#worker.unref(); // the program may end
    this.#resting = setTimeout(() => {
      ended();
      void this.#worker.terminate();
    }, ms);
    this.#resting.unref?.();
  }
}
