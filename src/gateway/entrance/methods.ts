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
import { isByName, isForward, type Speech } from "../settings.ts";
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

/** The methods a listener of a gateway with these users offers; none where it asks nobody who they are. */
export function offeredMethods(authenticator: Authenticator | undefined, only?: Speech): readonly Method[] {
  if (isByName(only) || isForward(only)) return [];
  return [authenticator ? Method.UsernamePassword : Method.NoAuthentication];
}

/** Method selection (RFC 1928 s3) and, where there is an `isGood`, username and password (RFC 1929). The answer has been sent. */
export async function negotiate(wire: Wire, isGood: Door["isGood"]): Promise<Negotiated> {
  const { methods } = await wire.take(decodeGreeting);
  const method = isGood ? Method.UsernamePassword : Method.NoAuthentication;
  const offers = methods.includes(method);
  await wire.send(encodeMethodSelection(offers ? method : Method.NoneAcceptable));
  if (!offers) return { failed: "no-acceptable-method" };
  if (!isGood) return { method };

  const credentials = await wire.take(decodeCredentials);
  const username = usernameText(credentials) ?? "\ufffd"; // which is nobody's
  const good = await isGood(credentials);
  await wire.send(encodeStatus(good ? 0 : 1));
  return good ? { method, username } : { failed: "authentication-failed", username };
}
