import type { Context, MiddlewareHandler } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { some } from "hono/combine";
import { timingSafeEqual } from "hono/utils/buffer";

/** Who may ask the admin endpoint for what. */
export interface AdminAccess {
  /** What whoever changes something has to know, and whoever reads more than health. */
  readonly token?: string | undefined;
  /** Whether others than this machine reach it. */
  readonly exposed: boolean;
  /** Whether it is a unix socket: its file says who reaches it, and no page in a browser does. */
  readonly unix?: boolean;
}

/** Who uses the gateway, for what and how much: without a token, for this machine alone. */
export function readAccess({ token, exposed, unix }: AdminAccess): MiddlewareHandler {
  return token === undefined ? unasked(exposed, unix) : some(byPassword(token), bearerAuth({ token }));
}

/** The same for people: a browser asks them for the token, and sends it along from then on. */
export function pageAccess({ token, exposed, unix }: AdminAccess): MiddlewareHandler {
  return token === undefined ? unasked(exposed, unix) : some(bearerAuth({ token }), byPassword(token));
}

/** What changes something wants the token, and not as a password: a browser adds that to what other sites make it send. */
export function changeAccess({ token }: AdminAccess): MiddlewareHandler {
  if (token === undefined) return refused;
  const withToken = bearerAuth({ token });
  return (context, next) => isOfOtherSite(context.req) ? otherSite(context, next) : withToken(context, next);
}

/** Whether whoever asks has the token, and not as a password. */
export async function mayChange(access: AdminAccess, context: Context): Promise<boolean> {
  let may = false;
  await Promise.resolve(changeAccess(access)(context, () => Promise.resolve(void (may = true)))).catch(() => {});
  return may;
}

/** A browser says where a request comes from: only this endpoint's own page may change something. */
function isOfOtherSite(request: Context["req"]): boolean {
  const site = request.header("sec-fetch-site"), origin = request.header("origin");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  return origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === new URL(request.url).host);
}

function unasked(exposed: boolean, unix: boolean | undefined): MiddlewareHandler {
  return exposed ? refused : unix ? open : local;
}

/** A password is kept for one address and port; a cookie would go to every port of this machine. */
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
