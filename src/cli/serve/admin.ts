import { adminApp, type AdminSource } from "../../admin/app.ts";
import { isLoopback } from "../../config/listen.ts";
import { addressText } from "../../protocol/address.ts";
import { serveHttp } from "../../net/mod.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { log } from "../log/log.ts";

/** The admin endpoint while it runs. */
export interface Admin {
  readonly addr: SocketAddr;
  /** Takes no more requests, and lets those under way finish, for a moment. */
  close(): Promise<void>;
}

/** Rejects with NetError. */
export async function startAdmin(
  addr: SocketAddr,
  source: AdminSource,
  { token, mode }: { readonly token: string | undefined; readonly mode: number },
): Promise<Admin> {
  const { fetch } = adminApp(source, { token, exposed: !isLoopback(addr.host), unix: addr.unix !== undefined });
  const server = await serveHttp(addr, { fetch, mode });
  log.info(`admin on ${addressText(server.addr)}`);
  return { addr: server.addr, close: server.close };
}
