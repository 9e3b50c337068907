import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import type { Socket, SocketAddr } from "../../net/socket.ts";

/** How long an attempt has a head start over the next (RFC 8305 s5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;

/** Connects to the first of a gateway's addresses that answers (RFC 8305 s5). Rejects with the NetError of the first. */
export function race(
  clock: Clock,
  addrs: readonly SocketAddr[],
  cut: Cut,
  connect: (addr: SocketAddr, cut: Cut) => Promise<Socket>,
): Promise<Socket> {
  if (addrs.length === 1) return connect(addrs[0]!, cut);
  return new Promise((resolve, reject) => {
    const losers = new Cut();
    const release = cut.on(() => losers.make());
    let started = 0, failed = 0, over = false, firstError: unknown;
    let cancelNext = () => {};
    const finish = () => {
      over = true;
      cancelNext();
      release();
    };
    const attempt = () => {
      cancelNext();
      const addr = addrs[started++]!;
      if (started < addrs.length) cancelNext = clock.after(ATTEMPT_DELAY_MS, attempt);
      connect(addr, losers).then((socket) => {
        if (over) return socket.close();
        finish();
        losers.make();
        resolve(socket);
      }, (error) => {
        if (over) return;
        firstError ??= error;
        failed++;
        if (started < addrs.length && !cut.made) return attempt(); // no use in waiting for its head start
        if (failed < started) return;
        finish();
        reject(firstError);
      });
    };
    attempt();
  });
}
