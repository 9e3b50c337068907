import type { Context, MiddlewareHandler } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { some } from "hono/combine";
import { timingSafeEqual } from "hono/utils/buffer";

/** Access to the admin endpoint. */
export interface AdminAccess {
  /** The token required to change anything, and to read more than health. */
  readonly token?: string | undefined;
  /** True if other machines can reach it. */
  readonly exposed: boolean;
  /** True for a unix socket: its file mode controls access, and no browser page can reach it. */
  readonly unix?: boolean;
}

/** Access to data about users and traffic: without a token, from this machine alone. */
export function readAccess({ token, exposed, unix }: AdminAccess): MiddlewareHandler {
  return token === undefined ? unasked(exposed, unix) : some(byPassword(token), bearerAuth({ token }));
}

/** The same for people: the browser asks for the token as a password, and sends it with later requests. */
export function pageAccess({ token, exposed, unix }: AdminAccess): MiddlewareHandler {
  return token === undefined ? unasked(exposed, unix) : some(bearerAuth({ token }), byPassword(token));
}

/** Changes need the token, not as a password: a browser adds a password to requests that other sites cause. */
export function changeAccess({ token }: AdminAccess): MiddlewareHandler {
  if (token === undefined) return refused;
  const withToken = bearerAuth({ token });
  return (context, next) => isOfOtherSite(context.req) ? otherSite(context, next) : withToken(context, next);
}

/** True if the request has the token, not as a password. */
export async function mayChange(access: AdminAccess, context: Context): Promise<boolean> {
  let may = false;
  await Promise.resolve(changeAccess(access)(context, () => Promise.resolve(void (may = true)))).catch(() => {});
  return may;
}

/** True if a browser reports another site as the origin: only this endpoint's own page may change anything. */
function isOfOtherSite(request: Context["req"]): boolean {
  const site = request.header("sec-fetch-site"), origin = request.header("origin");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  return origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === new URL(request.url).host);
}

function unasked(exposed: boolean, unix: boolean | undefined): MiddlewareHandler {
  return exposed ? refused : unix ? open : local;
}

/** Not by a cookie: a browser keeps a password for one address and port, but sends a cookie to every port of this machine. */
function byPassword(token: string): MiddlewareHandler {
  return basicAuth({
    verifyUser: (_, password) => timingSafeEqual(password, token),
    realm: "gate46",
    invalidUserMessage: "Cannot show that: the password is the token of --admin-token-file, with any name\n",
  });
}

const open: MiddlewareHandler = (_, next) => next();

const refused: MiddlewareHandler = (context) =>
  Promise.resolve(context.json({ error: "Cannot do that: --admin-token-file is not set" }, 403));

const otherSite: MiddlewareHandler = (context) =>
  Promise.resolve(context.json({ error: "Cannot do that: a page of another site asks for it" }, 403));

/** Requires an IP address or localhost as the host: another site's name may resolve to this address (DNS rebinding). */
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
