import { Buffer } from "node:buffer";
import type { Cut } from "../../net/cut.ts";
import type { Credentials } from "../../protocol/negotiation.ts";
import { KnownPasswords } from "../../gateway/users/known_passwords.ts";
import type { Failures } from "../../gateway/limits/failures.ts";
import type { Authenticator, Verdict } from "../../gateway/entrance/methods.ts";

/** Asks the main thread to check a client's credentials. Rejects with NetError. */
export type AskMainThread = (credentials: Credentials, client: string, cut: Cut) => Promise<Verdict>;

/**
 * Users for a worker: the main thread hashes passwords for all workers, and counts wrong ones. The worker remembers a client's
 * correct passwords, as long as the client has sent no wrong one.
 */
export function askingUsers(ask: AskMainThread, failures: Failures): Authenticator {
  const known = new KnownPasswords();
  return {
    async verify(credentials, client, cut) {
      const whom = `${client} ${Buffer.from(credentials.username).toString("latin1")}`;
      const digest = known.digest(credentials.password);
      if (!failures.hasAny(client) && known.has(whom, digest)) return { good: true };
      known.forget(whom); // another guess may arrive before the main thread has counted this one
      const verdict = await ask(credentials, client, cut);
      if (verdict.good && !verdict.fleeting) known.add(whom, digest);
      return verdict;
    },
  };
}
