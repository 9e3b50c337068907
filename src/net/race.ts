import type { Clock } from "./clock.ts";
import { Cut } from "./cut.ts";
import { NetError, type NetErrorKind } from "./error.ts";
import type { Net, Socket, SocketAddr } from "./socket.ts";

/** How long an attempt has a head start over the next (RFC 8305 s5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;

/** What each says about the destination: of several addresses tried, the lowest here is told. */
const specificity: readonly NetErrorKind[] = [
  "refused",
  "permission-denied",
  "host-unreachable",
  "timed-out",
  "network-unreachable",
  "family-not-supported",
];

/** Staggered attempts that race each other: the first connection wins, the others are called off (RFC 8305 s5). */
export function race(
  { net, clock }: { readonly net: Net; readonly clock: Clock },
  addresses: readonly SocketAddr[],
  cut: Cut,
): Promise<Socket> {
  if (addresses.length === 1) return net.connect(addresses[0]!, { cut });
  return new Promise((resolve, reject) => {
    const losers = new Cut();
    const release = cut.on(() => losers.make());
    const errors: unknown[] = [];
    let started = 0, won = false;
    let cancelNext = () => {};
    const finish = () => {
      cancelNext();
      release();
    };
    const attempt = () => {
      cancelNext();
      const address = addresses[started++]!;
      if (started < addresses.length) cancelNext = clock.after(ATTEMPT_DELAY_MS, attempt);
      net.connect(address, { cut: losers }).then((socket) => {
        if (won) return socket.close();
        won = true;
        finish();
        losers.make();
        resolve(socket);
      }, (error) => {
        if (won) return;
        errors.push(error);
        if (started < addresses.length && !cut.made) return attempt(); // no use in waiting for its head start
        if (errors.length < started) return;
        finish();
        reject(mostSpecific(errors));
      });
    };
    attempt();
  });
}

/** The error that says most about why none of several addresses could be reached. */
export function mostSpecific(errors: readonly unknown[]): unknown {
  const rank = (error: unknown) => {
    const at = error instanceof NetError ? specificity.indexOf(error.kind) : -1;
    return at < 0 ? specificity.length : at;
  };
  return errors.reduce((best, error) => rank(error) < rank(best) ? error : best);
}
