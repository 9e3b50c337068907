import type { AdminApp, AdminSource } from "../../admin/app.ts";
import { isLoopback } from "../../config/values/listen.ts";
import { addressText } from "../../protocol/address.ts";
import type { Fetch } from "../../net/http/http.ts";
import { serveHttp } from "../../net/open.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { log } from "../log/log.ts";
import { listenAs } from "../service/listening.ts";

/** The admin endpoint while it runs. */
export interface Admin {
  readonly addr: SocketAddr;
  /** Accepts no more requests, and gives running requests a moment to finish. */
  close(): Promise<void>;
}

/** `token` is called for each request, because a reload may change it. Rejects with NetError. */
export async function startAdmin(
  addr: SocketAddr,
  source: AdminSource,
  { token, mode }: { token(): string | undefined; readonly mode: number },
): Promise<Admin> {
  const reached = { exposed: !isLoopback(addr.host), unix: addr.unix !== undefined };
  let current: { readonly token: string | undefined; readonly app: Promise<AdminApp> } | undefined;
  const fetch: Fetch = async (request, from) => {
    const access = { ...reached, token: token() };
    if (!current || current.token !== access.token) {
      // Loaded at the first request, so that the start does not wait for it.
      const app = import("../../admin/app.ts").then(({ adminApp }) => adminApp(source, access));
      current = { token: access.token, app };
    }
    try {
      return await (await current.app).fetch(request, { from });
    } catch (error) {
      current = undefined; // without a free descriptor it cannot be loaded; a later request may succeed
      throw error;
    }
  };
  const otherwise = addr.host === "::" ? { host: "0.0.0.0", port: addr.port } : undefined;
  const spec = { addr, optional: false, ...otherwise && { otherwise } };
  const server = (await listenAs("--admin", spec, (addr) => serveHttp(addr, { fetch, mode })))!;
  log.info(`admin on ${addressText(server.addr)}`);
  return { addr: server.addr, close: server.close };
}
