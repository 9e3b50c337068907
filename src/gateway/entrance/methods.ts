import { Method } from "../../protocol/codes.ts";
import {
  type Credentials,
  decodeCredentials,
  decodeGreeting,
  encodeMethodSelection,
  encodeStatus,
  usernameText,
} from "../../protocol/negotiation.ts";
import type { Cut } from "../../net/cut.ts";
import type { Door } from "./entrance.ts";
import type { Wire } from "./wire.ts";

/** What credentials came to. */
export interface Verdict {
  readonly good: boolean;
  /** How long that they are wrong is to be kept from the client (ms). */
  readonly waitMs?: number;
  /** They were not looked at: the client has tried too many. */
  readonly tooMany?: true;
}

export interface Authenticator {
  /**
   * Judges credentials of a client at that address. Takes as long for an unknown user as for a wrong password. Rejects with
   * NetError: "aborted" by the cut, or "busy".
   */
  verify(credentials: Credentials, client: string, cut: Cut): Promise<Verdict>;
}

/** What method negotiation came to. */
export type Negotiated =
  | { readonly method: Method; readonly username?: string }
  | { readonly failed: "no-acceptable-method" | "authentication-failed"; readonly username?: string };

/** The methods offered, the one to be taken first: where something `asks` for credentials, only who may `goWithout` has none. */
export function offeredMethods(asks: unknown, goWithout = false): readonly Method[] {
  if (!asks) return offers.nothing;
  return goWithout ? offers.either : offers.password;
}

/** Made once: every client is offered one of them. */
const offers = {
  nothing: [Method.NoAuthentication],
  either: [Method.NoAuthentication, Method.UsernamePassword],
  password: [Method.UsernamePassword],
} as const;

/** Method selection (RFC 1928 s3) and, where that is chosen, username and password (RFC 1929). The answer has been sent. */
export async function negotiate(
  wire: Wire,
  { mayGoWithout, isGood }: Pick<Door, "mayGoWithout" | "isGood">,
): Promise<Negotiated> {
  const { methods } = await wire.take(decodeGreeting);
  const method = offeredMethods(isGood, mayGoWithout).find((one) => methods.includes(one));
  await wire.send(encodeMethodSelection(method ?? Method.NoneAcceptable));
  if (method === undefined) return { failed: "no-acceptable-method" };
  if (method !== Method.UsernamePassword || !isGood) return { method };

  const credentials = await wire.take(decodeCredentials);
  const username = usernameText(credentials) ?? "\ufffd"; // which is nobody's
  const good = await isGood(credentials);
  await wire.send(encodeStatus(good ? 0 : 1));
  return good ? { method, username } : { failed: "authentication-failed", username };
}
