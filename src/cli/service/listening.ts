import type { ListenSpec } from "../../config/listen.ts";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { log } from "../log/log.ts";

/** Listens as `spec` wants it by `listen`; undefined where it may be left out. Rejects with NetError. */
export async function listenAs<T>(
  { addr, otherwise, optional }: ListenSpec,
  listen: (addr: SocketAddr) => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await listen(addr);
  } catch (error) {
    const missing = error instanceof NetError &&
      (error.kind === "address-not-available" || error.kind === "family-not-supported");
    if (missing && otherwise) return await listen(otherwise);
    if (!missing || !optional) throw error;
    log.warning(`not listening: ${error.message}`);
    return undefined;
  }
}
