import { Method } from "../protocol/codes.ts";
import {
  type Credentials,
  decodeCredentials,
  decodeGreeting,
  encodeMethodSelection,
  encodeStatus,
} from "../protocol/negotiation.ts";
import type { Wire } from "./wire.ts";

export interface Authenticator {
  /**
   * Whether credentials are good. Takes as long for an unknown user as for a wrong password. Where it has to wait for its
   * turn it asks `isWanted` before it goes to work.
   */
  verify(credentials: Credentials, isWanted: () => boolean): Promise<boolean>;
}

/** What method negotiation came to. */
export type Negotiated =
  | { readonly method: Method; readonly username?: string }
  | { readonly failed: "no-acceptable-method" | "authentication-failed"; readonly username?: string };

/** The methods a gateway with these users offers. With users nothing goes without credentials. */
export function offeredMethods(authenticator: Authenticator | undefined): readonly Method[] {
  return [authenticator ? Method.UsernamePassword : Method.NoAuthentication];
}

/** Method selection (RFC 1928 s3) and, where chosen, username/password (RFC 1929). The answer has been sent, after `beforeAnswer`. */
export async function negotiate(
  wire: Wire,
  authenticator: Authenticator | undefined,
  isWanted: () => boolean,
  beforeAnswer: (good: boolean) => Promise<void>,
): Promise<Negotiated> {
  const { methods } = await wire.take(decodeGreeting);
  const method = offeredMethods(authenticator).find((offered) => methods.includes(offered));
  await wire.send(encodeMethodSelection(method ?? Method.NoneAcceptable));
  if (method === undefined) return { failed: "no-acceptable-method" };
  if (!authenticator) return { method };

  const credentials = await wire.take(decodeCredentials);
  const username = new TextDecoder().decode(credentials.username);
  const good = await authenticator.verify(credentials, isWanted);
  await beforeAnswer(good);
  await wire.send(encodeStatus(good ? 0 : 1));
  return good ? { method, username } : { failed: "authentication-failed", username };
}
