import { adminApp, type AdminSource } from "../admin/app.ts";
import { isLoopback } from "../config/listen.ts";
import { addressText } from "../protocol/address.ts";
import { serveHttp } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import { ConfigError } from "../config/error.ts";
import { log } from "./log.ts";
import { readText } from "./text_file.ts";

/** How long requests under way have to finish (ms). A connection that says nothing, or half a request, never does. */
const GRACE_MS = 1_000;

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
  const grace = () => new Promise<void>((resolve) => setTimeout(resolve, GRACE_MS));
  return { addr: server.addr, close: () => Promise.race([server.close(), grace()]) };
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
