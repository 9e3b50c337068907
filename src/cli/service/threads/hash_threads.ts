import { timingSafeEqual } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { CheckPassword } from "../../../gateway/users/logins.ts";
import { scryptOptions, verifyPassword } from "../../../gateway/users/password_hash.ts";
import { RestingThreads } from "./resting_threads.ts";
import { checkDescriptorsFor } from "./thread_descriptors.ts";

/** The code of a hashing thread. It is a string, so that executables need no file for it. */
const code = `
  Promise.all([import("node:worker_threads"), import("node:crypto")]).then(([{ parentPort }, { scryptSync }]) =>
    parentPort.on("message", ({ password, salt, size, options }) =>
      parentPort.postMessage(scryptSync(password, salt, size, options))));
`;

/**
 * Hashes passwords in separate threads: the runtime's own threads are as few as the cores, and also wait for the system's
 * resolver. There are as many threads as passwords hashed at a time.
 */
export function hashThreads(): CheckPassword {
  const threads = new RestingThreads<object, Uint8Array>(() => {
    checkDescriptorsFor(1, "start a thread");
    return new Worker(code, { eval: true });
  });
  return async (password, expected) => {
    const { salt, hash } = expected;
    let key;
    try {
      key = await threads.ask({ password, salt, size: hash.length, options: scryptOptions(expected) });
    } catch {
      return await verifyPassword(password, expected); // no thread is available now
    }
    return timingSafeEqual(key, hash);
  };
}
