import type { MiddlewareHandler } from "hono";
import { bearerAuth } from "hono/bearer-auth";

/** Who may ask the admin endpoint for what. */
export interface AdminAccess {
  /** What whoever changes something has to know, and whoever reads more than health. */
  readonly token?: string | undefined;
  /** Whether others than this machine reach it. */
  readonly exposed: boolean;
  /** Whether it is a unix socket: its file says who reaches it, and no page in a browser does. */
  readonly unix?: boolean;
}

/** Metrics: for everyone where there is no token. */
export function countsAccess({ token }: AdminAccess): MiddlewareHandler {
  return byToken(token, open);
}

/** Who uses the gateway, and for what: without a token, for this machine alone. */
export function readAccess({ token, exposed, unix }: AdminAccess): MiddlewareHandler {
  return byToken(token, exposed ? refused : unix ? open : local);
}

/** What changes something wants the token. */
export function changeAccess({ token }: AdminAccess): MiddlewareHandler {
  return byToken(token, refused);
}

function byToken(token: string | undefined, otherwise: MiddlewareHandler): MiddlewareHandler {
  return token === undefined ? otherwise : bearerAuth({ token });
}

const open: MiddlewareHandler = (_, next) => next();

const refused: MiddlewareHandler = (context) =>
  Promise.resolve(context.json({ error: "Cannot do that: --admin-token-file is not set" }, 403));

/** A page of some other site in a browser here can name this address, but not as its own (DNS rebinding). */
const local: MiddlewareHandler = async (context, next) => {
  const { hostname } = new URL(context.req.url);
  if (!isLoopbackHost(hostname)) {
    return context.json({ error: `Cannot do that as '${hostname}': not a local name` }, 403);
  }
  await next();
};

function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
