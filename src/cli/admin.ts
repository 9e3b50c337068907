import { adminApp, type AdminSource } from "../admin/app.ts";
import { isLoopback } from "../config/listen.ts";
import { addressText } from "../protocol/address.ts";
import { serveHttp } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import { ConfigError } from "../config/error.ts";
import { log } from "./log.ts";
import { readText } from "./text_file.ts";

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

/** The token in that file; undefined where there is none to be. Throws ConfigError. */
export function readAdminToken(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const token = readText(file).trim();
  if (!/^[A-Za-z0-9._~+/-]{16,}=*$/.test(token)) {
    throw new ConfigError(
      `Cannot use ${file}: no token of 16 letters and digits or more (openssl rand -hex 32 makes one)`,
    );
  }
  return token;
}
