import { adminApp, type Health } from "../admin/app.ts";
import { Metrics } from "../admin/metrics.ts";
import { addressText } from "../protocol/address.ts";
import type { Emit } from "../events.ts";
import { serveHttp } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import { log } from "./log.ts";

/** The admin endpoint while it runs. */
export interface Admin {
  readonly addr: SocketAddr;
  readonly listen: Emit;
  close(): Promise<void>;
}

/** Rejects with NetError. */
export async function startAdmin(addr: SocketAddr, health: () => Health): Promise<Admin> {
  const metrics = new Metrics();
  const server = await serveHttp(addr, adminApp(health, metrics).fetch);
  log.info(`admin on ${addressText(server.addr)}`);
  return { addr: server.addr, listen: metrics.listen, close: server.close };
}
