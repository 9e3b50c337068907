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

/** What credentials came to. */
export interface Verdict {
  /** Whether the client may come in. */
  readonly good: boolean;
  /** How long that they are wrong is to be kept from the client (ms). */
  readonly waitMs?: number;
  /** That they are good holds for this time only. */
  readonly fleeting?: true;
  /** They were not looked at: the client has tried too many. */
  readonly tooMany?: true;
}

/** Judges who a client says it is. */
export interface Authenticator {
  /**
   * Judges credentials of a client at that address. Takes as long for an unknown user as for a wrong password. Rejects with
   * NetError: "aborted" by the cut, or "busy".
   */
  verify(credentials: Credentials, client: string, cut: Cut): Promise<Verdict>;
}

/** What method negotiation came to. */
export interface Negotiated {
  /** Undefined where none was in common, or credentials were wrong. */
  readonly method?: Method | undefined;
  readonly failed?: "no-acceptable-method" | "authentication-failed";
  readonly username?: string | undefined;
  /** Why it failed, for people. */
  readonly detail?: string | undefined;
  /** Of GSSAPI: how later octets travel. */
  readonly protection?: Protection;
  readonly encapsulation?: Encapsulation | undefined;
}

/** By what clients say who they are; nobody is asked where it is by nothing. */
export interface Asking {
  readonly password: boolean;
  readonly gssapi: boolean;
  /** Whether GSSAPI is taken where a client offers both. */
  readonly gssapiFirst: boolean;
}

/** The methods offered, the one to be taken first; only who may `goWithout` needs none where clients are asked. */
export function offeredMethods({ password, gssapi, gssapiFirst }: Asking, goWithout = false): readonly Method[] {
  if (!gssapi) return offers[password ? goWithout ? "either" : "password" : "nothing"];
  const asked = [...password ? [Method.UsernamePassword] : [], Method.Gssapi];
  if (gssapiFirst) asked.reverse();
  return goWithout ? [Method.NoAuthentication, ...asked] : asked;
}

/** Made once: where GSSAPI is not spoken, every client is offered one of them. */
const offers = {
  nothing: [Method.NoAuthentication],
  either: [Method.NoAuthentication, Method.UsernamePassword],
  password: [Method.UsernamePassword],
} as const;

const asksNothing: Asking = { password: false, gssapi: false, gssapiFirst: false };
const asksPassword: Asking = { ...asksNothing, password: true };

/** Method selection (RFC 1928 s3) and what the method wants: username and password (RFC 1929), or GSSAPI. The answer has been sent. */
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
  const username = usernameText(credentials) ?? "\ufffd"; // which is nobody's
  const good = await isGood(credentials);
  await wire.send(encodeStatus(good ? 0 : 1));
  return good ? { method, username } : { failed: "authentication-failed", username };
}
