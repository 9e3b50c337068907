import { adminApp, type AdminSource } from "../admin/app.ts";
import { addressText } from "../protocol/address.ts";
import { serveHttp } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import { log } from "./log.ts";

/** The admin endpoint while it runs. */
export interface Admin {
  readonly addr: SocketAddr;
  close(): Promise<void>;
}

/** Rejects with NetError. */
export async function startAdmin(addr: SocketAddr, source: AdminSource): Promise<Admin> {
  const server = await serveHttp(addr, adminApp(source).fetch);
  log.info(`admin on ${addressText(server.addr)}`);
  return { addr: server.addr, close: server.close };
}
