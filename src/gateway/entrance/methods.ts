import { Method } from "../../protocol/codes.ts";
import {
  type Credentials,
  decodeCredentials,
  decodeGreeting,
  encodeMethodSelection,
  encodeStatus,
  usernameText,
} from "../../protocol/negotiation.ts";
import type { Protection } from "../../protocol/gssapi.ts";
import type { Encapsulation } from "../../sockslib/gssapi/encapsulation.ts";
import type { Cut } from "../../net/cut.ts";
import type { Door } from "./entrance.ts";
import { negotiateGssapi } from "./gssapi/gssapi_negotiation.ts";
import type { Wire } from "./wire.ts";

/** The verdict on credentials. */
export interface Verdict {
  /** True if the client may come in. */
  readonly good: boolean;
  /** Delay before the client learns that they are wrong (ms). */
  readonly waitMs?: number;
  /** That they are good holds for this time only. */
  readonly fleeting?: true;
  /** They were not checked: the client has failed too often. */
  readonly tooMany?: true;
}

/** Checks a client's credentials. */
export interface Authenticator {
  /**
   * Checks the credentials of a client at that address. An unknown user takes as long as a wrong password. Rejects with
   * NetError: "aborted" by the cut, or "busy".
   */
  verify(credentials: Credentials, client: string, cut: Cut): Promise<Verdict>;
}

/** The result of method negotiation. */
export interface Negotiated {
  /** Undefined without a common method, or with wrong credentials. */
  readonly method?: Method | undefined;
  readonly failed?: "no-acceptable-method" | "authentication-failed";
  readonly username?: string | undefined;
  /** Why it failed, for people. */
  readonly detail?: string | undefined;
  /** For GSSAPI: the encapsulation of later octets. */
  readonly protection?: Protection;
  readonly encapsulation?: Encapsulation | undefined;
}

/** How clients authenticate; none if empty. */
export interface Asking {
  readonly password: boolean;
  readonly gssapi: boolean;
  /** True if GSSAPI is preferred when a client offers both. */
  readonly gssapiFirst: boolean;
}

/** The methods offered, the preferred one first; "no authentication" only without users, or if the client may `goWithout`. */
export function offeredMethods({ password, gssapi, gssapiFirst }: Asking, goWithout = false): readonly Method[] {
  if (!gssapi) return offers[password ? goWithout ? "either" : "password" : "nothing"];
  const asked = [...password ? [Method.UsernamePassword] : [], Method.Gssapi];
  if (gssapiFirst) asked.reverse();
  return goWithout ? [Method.NoAuthentication, ...asked] : asked;
}

/** Made once: without GSSAPI, every client gets one of these offers. */
const offers = {
  nothing: [Method.NoAuthentication],
  either: [Method.NoAuthentication, Method.UsernamePassword],
  password: [Method.UsernamePassword],
} as const;

const asksNothing: Asking = { password: false, gssapi: false, gssapiFirst: false };
const asksPassword: Asking = { ...asksNothing, password: true };

/** Method selection (RFC 1928 s3) and the method's sub-negotiation: username and password (RFC 1929), or GSSAPI. The answer has been sent. */
export async function negotiate(
  wire: Wire,
  { mayGoWithout, isGood, gssapi }: Pick<Door, "mayGoWithout" | "isGood" | "gssapi">,
): Promise<Negotiated> {
  const { methods } = await wire.take(decodeGreeting);
  const asking = gssapi
    ? { password: isGood !== undefined, gssapi: true, gssapiFirst: gssapi.settings.gssapiFirst }
    : isGood
    ? asksPassword
    : asksNothing;
  const method = offeredMethods(asking, mayGoWithout).find((one) => methods.includes(one));
  await wire.send(encodeMethodSelection(method ?? Method.NoneAcceptable));
  if (method === undefined) return { failed: "no-acceptable-method" };
  if (method === Method.Gssapi && gssapi) {
    const outcome = await negotiateGssapi(wire, gssapi);
    if (!("refused" in outcome)) return { method, ...outcome };
    return { method, failed: "authentication-failed", username: outcome.username, detail: outcome.refused };
  }
  if (method !== Method.UsernamePassword || !isGood) return { method };

  const credentials = await wire.take(decodeCredentials);
  const username = usernameText(credentials) ?? "\ufffd"; // which no user has
  const good = await isGood(credentials);
  await wire.send(encodeStatus(good ? 0 : 1));
  return good ? { method, username } : { failed: "authentication-failed", username };
}
